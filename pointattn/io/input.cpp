// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/input.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

namespace pointattn::io {
namespace fs = std::filesystem;

Input::Input(const fs::path& path) : name_(path.string()) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) fail("no such file");
  if (error) fail(error.message());
  if (fs::is_directory(status)) fail("it is a folder");
  if (!fs::is_regular_file(status)) fail("expected a regular file");
  const uintmax_t size = fs::file_size(path, error);
  if (error) fail(error.message());
  if (size == 0) fail("the file is empty");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(std::strerror(errno));
  bytes_.resize(size);
  in.read(bytes_.data(), static_cast<std::streamsize>(size));
  if (in.gcount() != static_cast<std::streamsize>(size)) fail("it ended while being read");
}

void Input::check_room(const char* what, int64_t rows, int64_t row_size, size_t body) const {
  const int64_t room = static_cast<int64_t>(bytes_.size() - std::min(body, bytes_.size()));
  if (row_size > 0 && rows > room / row_size) {
    fail("expected ",
         rows,
         ' ',
         what,
         " of at least ",
         row_size,
         " bytes, but only ",
         room,
         " bytes follow the header");
  }
}

bool Lines::next(std::string_view& line) {
  if (position_ >= text_.size()) return false;
  const char* start = text_.data() + position_;
  const size_t left = text_.size() - position_;
  const auto* stop = static_cast<const char*>(std::memchr(start, '\n', left));
  size_t length = stop ? static_cast<size_t>(stop - start) : left;
  position_ += stop ? length + 1 : length;
  ++number_;
  if (length > 0 && start[length - 1] == '\r') --length;
  line = {start, length};
  return true;
}

bool Lines::next_filled(std::string_view& line) {
  while (next(line)) {
    if (!trimmed(line).empty()) return true;
  }
  return false;
}

std::vector<std::string_view> words_of(std::string_view line, std::string_view separators) {
  std::vector<std::string_view> words;
  for (size_t at = line.find_first_not_of(separators); at != line.npos;) {
    const size_t stop = std::min(line.find_first_of(separators, at), line.size());
    words.push_back(line.substr(at, stop - at));
    at = line.find_first_not_of(separators, stop);
  }
  return words;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string shown(std::string_view text) {
  constexpr size_t kLongest = 40;
  std::string quoted(1, '\'');
  for (const char c : text.substr(0, kLongest)) quoted += c >= ' ' && c <= '~' ? c : '?';
  return quoted + (text.size() > kLongest ? "...'" : "'");
}

bool whole_number(std::string_view word, int64_t& value) {
  const char* end = word.data() + word.size();
  const auto [after, error] = std::from_chars(word.data(), end, value);
  return error == std::errc() && after == end;
}

}  // namespace pointattn::io
