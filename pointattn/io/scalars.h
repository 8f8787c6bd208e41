// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

/// The ten number types that files know, and their text form.
namespace pointattn::io {

/// Calls `use(std::type_identity<T>{})` with the C++ type of `type`; throws c10::ValueError for a
/// type that no file has.
template <class Use>
decltype(auto) with_type(at::ScalarType type, Use&& use) {
  switch (type) {
    case at::kByte:
      return use(std::type_identity<uint8_t>{});
    case at::kChar:
      return use(std::type_identity<int8_t>{});
    case at::kUInt16:
      return use(std::type_identity<uint16_t>{});
    case at::kShort:
      return use(std::type_identity<int16_t>{});
    case at::kUInt32:
      return use(std::type_identity<uint32_t>{});
    case at::kInt:
      return use(std::type_identity<int32_t>{});
    case at::kUInt64:
      return use(std::type_identity<uint64_t>{});
    case at::kLong:
      return use(std::type_identity<int64_t>{});
    case at::kFloat:
      return use(std::type_identity<float>{});
    case at::kDouble:
      return use(std::type_identity<double>{});
    default:
      TORCH_CHECK_VALUE(false,
                        "cloud field: expected integers of 8 to 64 bits, float32 or float64, got ",
                        c10::toString(type));
  }
}

/// Parses the number at `at` (an optional '+', "nan" and "inf" included). Returns where it ends, or
/// null when there is none or it does not fit T. Integers may be spelt "3.0" or "1e3".
template <class T>
const char* parse_number(const char* at, const char* end, T& value);

/// Shortest text that reads back as the same value; every NaN becomes "nan".
template <class T>
void append_number(std::string& text, T value);

/// An uninitialised field of `rows` × `count` values.
Field make_field(std::string name, at::ScalarType type, int64_t count, int64_t rows);

/// Values in one row of the field.
int64_t count_of(const Field& field);

/// Copies `rows` items of `size` bytes that lie `from_step` bytes apart to places `to_step` bytes
/// apart.
void copy_items(
    const char* from, int64_t from_step, char* to, int64_t to_step, int64_t size, int64_t rows);

/// The numbers of one line, one after another, separated by blanks.
class LineNumbers {
 public:
  explicit LineNumbers(std::string_view line) : at_(line.data()), end_(at_ + line.size()) {
    skip_blanks();
  }
  bool done() const { return at_ == end_; }
  /// False when the next word is not a number that fits T; the position then stays.
  template <class T>
  bool read(T& value);
  /// The same for a type known at run time, stored at `to`.
  bool read(at::ScalarType type, char* to);
  /// What stands at the position, for a message.
  std::string here() const;

 private:
  void skip_blanks() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\t')) ++at_;
  }
  const char* at_;
  const char* end_;
};

template <class T>
bool LineNumbers::read(T& value) {
  const char* after = parse_number(at_, end_, value);
  if (!after || (after < end_ && *after != ' ' && *after != '\t')) return false;
  at_ = after;
  skip_blanks();
  return true;
}

}  // namespace pointattn::io
