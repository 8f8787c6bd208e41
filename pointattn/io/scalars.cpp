// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/scalars.h"

#include "pointattn/io/input.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace pointattn::io {
namespace {

/// from_chars refuses what underflows; strtod rounds it, and only what overflows stays refused.
template <class T>
bool round_underflow(const char* at, const char* end, T& value) {
  const std::string word(at, end);
  const double wide = std::strtod(word.c_str(), nullptr);
  if (!(std::abs(wide) <= static_cast<double>(std::numeric_limits<T>::max()))) return false;
  value = static_cast<T>(wide);
  return true;
}

template <class T>
const char* parse_float(const char* at, const char* end, T& value) {
  const auto [after, error] = std::from_chars(at, end, value);
  if (error == std::errc()) return after;
  const bool rounded = error == std::errc::result_out_of_range && round_underflow(at, after, value);
  return rounded ? after : nullptr;
}

template <class T>
const char* parse_integer(const char* at, const char* end, T& value) {
  const auto [after, error] = std::from_chars(at, end, value);
  const bool goes_on = after < end && (*after == '.' || *after == 'e' || *after == 'E');
  if (error == std::errc() && !goes_on) return after;
  double wide = 0;
  const char* stop = parse_float(at, end, wide);
  // 2^digits is exact in double, unlike the largest 64-bit integers.
  const double limit = std::ldexp(1.0, std::numeric_limits<T>::digits);
  const double low = std::is_signed_v<T> ? -limit : 0.0;
  if (!stop || !(wide >= low && wide < limit) || wide != std::floor(wide)) return nullptr;
  if (error == std::errc::result_out_of_range && !goes_on) return nullptr;
  value = static_cast<T>(wide);
  return stop;
}

template <size_t kSize>
void copy_sized(const char* from, int64_t from_step, char* to, int64_t to_step, int64_t rows) {
  for (int64_t row = 0; row < rows; ++row) {
    std::memcpy(to + row * to_step, from + row * from_step, kSize);
  }
}

}  // namespace

template <class T>
const char* parse_number(const char* at, const char* end, T& value) {
  if (at < end && *at == '+' && at + 1 < end && at[1] != '-') ++at;
  if constexpr (std::is_floating_point_v<T>) {
    return parse_float(at, end, value);
  } else {
    return parse_integer(at, end, value);
  }
}

template <class T>
void append_number(std::string& text, T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) {
      text += "nan";
      return;
    }
  }
  char digits[40];
  text.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

#define POINTATTN_NUMBER(T)                                        \
  template const char* parse_number(const char*, const char*, T&); \
  template void append_number(std::string&, T);
POINTATTN_NUMBER(uint8_t)
POINTATTN_NUMBER(int8_t)
POINTATTN_NUMBER(uint16_t)
POINTATTN_NUMBER(int16_t)
POINTATTN_NUMBER(uint32_t)
POINTATTN_NUMBER(int32_t)
POINTATTN_NUMBER(uint64_t)
POINTATTN_NUMBER(int64_t)
POINTATTN_NUMBER(float)
POINTATTN_NUMBER(double)
#undef POINTATTN_NUMBER

Field make_field(std::string name, at::ScalarType type, int64_t count, int64_t rows) {
  const std::vector<int64_t> shape =
      count == 1 ? std::vector<int64_t>{rows} : std::vector<int64_t>{rows, count};
  return {std::move(name), at::empty(shape, at::TensorOptions(type))};
}

int64_t count_of(const Field& field) { return field.values.dim() == 1 ? 1 : field.values.size(1); }

void copy_items(
    const char* from, int64_t from_step, char* to, int64_t to_step, int64_t size, int64_t rows) {
  if (from_step == size && to_step == size) {
    if (rows > 0 && size > 0) std::memcpy(to, from, static_cast<size_t>(rows * size));
    return;
  }
  switch (size) {
    case 1:
      return copy_sized<1>(from, from_step, to, to_step, rows);
    case 2:
      return copy_sized<2>(from, from_step, to, to_step, rows);
    case 4:
      return copy_sized<4>(from, from_step, to, to_step, rows);
    case 8:
      return copy_sized<8>(from, from_step, to, to_step, rows);
    default:
      for (int64_t row = 0; row < rows; ++row) {
        std::copy_n(from + row * from_step, size, to + row * to_step);
      }
  }
}

bool LineNumbers::read(at::ScalarType type, char* to) {
  return with_type(type, [&](auto tag) {
    typename decltype(tag)::type value;
    if (!read(value)) return false;
    std::memcpy(to, &value, sizeof(value));
    return true;
  });
}

std::string LineNumbers::here() const {
  if (done()) return "the end of the line";
  const char* stop = std::find_if(at_, end_, [](char c) { return c == ' ' || c == '\t'; });
  return shown({at_, static_cast<size_t>(stop - at_)});
}

}  // namespace pointattn::io
