// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/ply_header.h"
#include "pointattn/io/scalars.h"

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <bit>
#include <cstring>

/// The two ways in which the values of a PLY lie in the file, behind one interface: start_row,
/// read…, end_row.
namespace pointattn::io {

class PlyAsciiBody {
 public:
  PlyAsciiBody(const Input& input, const PlyHeader& header)
      : input_(input), lines_(input.bytes(), header.body, header.body_line), numbers_("") {}

  void start_row(const PlyElement& element) {
    std::string_view line;
    if (!lines_.next_filled(line)) fail("a line of ", element.name, ", got the end of the file");
    numbers_ = LineNumbers(line);
  }
  void read(at::ScalarType type, const PlyProperty& property, char* to) {
    if (!numbers_.read(type, to))
      fail("a number for ", shown(property.name), ", got ", numbers_.here());
  }
  /// Whether that many values can still come; the line's end tells it in time.
  void check_list(int64_t, at::ScalarType, const PlyProperty&) const {}
  void end_row() {
    if (!numbers_.done()) fail("the end of the line, got ", numbers_.here());
  }
  template <class... What>
  [[noreturn]] void fail(const What&... expected) const {
    input_.fail_at(lines_.number(), "expected ", expected...);
  }

 private:
  const Input& input_;
  Lines lines_;
  LineNumbers numbers_;
};

class PlyBinaryBody {
 public:
  PlyBinaryBody(const Input& input, const PlyHeader& header)
      : input_(input),
        at_(input.bytes().data() + header.body),
        end_(input.bytes().data() + input.bytes().size()),
        swap_((header.data == PlyData::kBigEndian) ==
              (std::endian::native == std::endian::little)) {}

  void start_row(const PlyElement&) {}
  void read(at::ScalarType type, const PlyProperty& property, char* to) {
    const auto size = static_cast<int64_t>(c10::elementSize(type));
    if (end_ - at_ < size) fail(size, " bytes for ", shown(property.name), ", got ", end_ - at_);
    std::memcpy(to, at_, static_cast<size_t>(size));
    if (swap_) std::reverse(to, to + size);
    at_ += size;
  }
  void check_list(int64_t count, at::ScalarType type, const PlyProperty& property) const {
    if (count > (end_ - at_) / static_cast<int64_t>(c10::elementSize(type))) {
      fail(count, " values for ", shown(property.name), ", got ", end_ - at_, " bytes");
    }
  }
  void end_row() {}
  template <class... What>
  [[noreturn]] void fail(const What&... expected) const {
    input_.fail("byte ", at_ - input_.bytes().data(), ": expected ", expected...);
  }

 private:
  const Input& input_;
  const char* at_;
  const char* end_;
  bool swap_;
};

}  // namespace pointattn::io
