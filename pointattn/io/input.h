// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/util/Exception.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pointattn::io {

/// A file in memory, and the errors that name it.
class Input {
 public:
  /// Throws c10::Error when the file is missing, a folder, no regular file or empty.
  explicit Input(const std::filesystem::path& path);
  const std::string& name() const { return name_; }
  std::string_view bytes() const { return bytes_; }
  template <class... What>
  [[noreturn]] void fail(const What&... what) const {
    TORCH_CHECK(false, "cannot read ", name_, ": ", what...);
  }
  template <class... What>
  [[noreturn]] void fail_at(int64_t line, const What&... what) const {
    fail("line ", line, ": ", what...);
  }
  /// Refuses a header that promises more than the file holds after `body`: `rows` of at least
  /// `row_size` bytes each. To be called before anything is allocated by such a promise.
  void check_room(const char* what, int64_t rows, int64_t row_size, size_t body) const;

 private:
  std::string name_;
  std::string bytes_;
};

/// Lines of a text (LF or CRLF), counted from one.
class Lines {
 public:
  explicit Lines(std::string_view text, size_t position = 0, int64_t number = 0)
      : text_(text), position_(position), number_(number) {}
  /// The next line without its end, or false after the last one.
  bool next(std::string_view& line);
  /// The next line that is not blank.
  bool next_filled(std::string_view& line);
  int64_t number() const { return number_; }
  size_t position() const { return position_; }

 private:
  std::string_view text_;
  size_t position_;
  int64_t number_;
};

/// Words between blanks and any of `separators`.
std::vector<std::string_view> words_of(std::string_view line, std::string_view separators = " \t");

std::string_view trimmed(std::string_view text);

/// A piece of a file, quoted for a message: short and printable.
std::string shown(std::string_view text);

/// The whole word as a number; false when it is not one.
bool whole_number(std::string_view word, int64_t& value);

}  // namespace pointattn::io
