// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/pcd_header.h"

#include "pointattn/io/scalars.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

namespace pointattn::io {
namespace {

using Words = std::vector<std::string_view>;
/// The header's lines by keyword.
using Entries = std::map<std::string_view, Words>;

constexpr std::string_view kKeywords[] = {"VERSION",
                                          "FIELDS",
                                          "COLUMNS",
                                          "SIZE",
                                          "TYPE",
                                          "COUNT",
                                          "WIDTH",
                                          "HEIGHT",
                                          "VIEWPOINT",
                                          "POINTS",
                                          "DATA"};

Entries collect(const Input& input, PcdHeader& header) {
  Entries entries;
  Lines lines(input.bytes());
  std::string_view line;
  while (!entries.count("DATA") && lines.next(line)) {
    line = trimmed(line);
    if (line.empty()) continue;
    if (line.front() == '#') {
      const std::string_view comment = trimmed(line.substr(1));
      if (!comment.starts_with(".PCD")) header.comments.emplace_back(comment);
      continue;
    }
    const Words words = words_of(line);
    if (!std::count(std::begin(kKeywords), std::end(kKeywords), words[0])) {
      input.fail_at(lines.number(), "expected a keyword of a PCD header, got ", shown(words[0]));
    }
    entries[words[0] == "COLUMNS" ? "FIELDS" : words[0]] = {words.begin() + 1, words.end()};
  }
  if (!entries.count("DATA")) input.fail("expected a PCD header that ends in a DATA line");
  header.body = lines.position();
  header.body_line = lines.number();
  return entries;
}

std::optional<int64_t> number_of(const Input& input, const Entries& entries, const char* keyword) {
  const auto entry = entries.find(keyword);
  if (entry == entries.end()) return std::nullopt;
  int64_t value = 0;
  if (entry->second.size() != 1 || !whole_number(entry->second[0], value) || value < 0) {
    const std::string_view got = entry->second.empty() ? "" : entry->second[0];
    input.fail("expected a number from 0 on after ", keyword, ", got ", shown(got));
  }
  return value;
}

std::optional<at::ScalarType> type_of(std::string_view letter, int64_t size) {
  static const std::map<std::pair<std::string_view, int64_t>, at::ScalarType> types = {
      {{"I", 1}, at::kChar},
      {{"I", 2}, at::kShort},
      {{"I", 4}, at::kInt},
      {{"I", 8}, at::kLong},
      {{"U", 1}, at::kByte},
      {{"U", 2}, at::kUInt16},
      {{"U", 4}, at::kUInt32},
      {{"U", 8}, at::kUInt64},
      {{"F", 4}, at::kFloat},
      {{"F", 8}, at::kDouble},
  };
  const auto found = types.find({letter, size});
  if (found == types.end()) return std::nullopt;
  return found->second;
}

/// The words of a line that has one for each field, or nothing when the line is left out.
Words per_field(const Input& input, const Entries& entries, const char* keyword, size_t fields) {
  const auto entry = entries.find(keyword);
  if (entry == entries.end()) return {};
  if (entry->second.size() != fields) {
    input.fail("expected ", fields, " words after ", keyword, ", got ", entry->second.size());
  }
  return entry->second;
}

std::vector<PcdColumn> columns_of(const Input& input, const Entries& entries) {
  const auto names = entries.find("FIELDS");
  if (names == entries.end() || names->second.empty()) input.fail("expected FIELDS with a name");
  const size_t fields = names->second.size();
  const Words sizes = per_field(input, entries, "SIZE", fields);
  const Words types = per_field(input, entries, "TYPE", fields);
  const Words counts = per_field(input, entries, "COUNT", fields);
  std::vector<PcdColumn> columns(fields);
  for (size_t i = 0; i < fields; ++i) {
    PcdColumn& column = columns[i];
    column.name = names->second[i];
    if (!sizes.empty() && !whole_number(sizes[i], column.size)) column.size = 0;
    const std::string_view letter = types.empty() ? "F" : types[i];
    const auto type = type_of(letter, column.size);
    if (!type) {
      input.fail("field ",
                 shown(column.name),
                 ": expected TYPE I or U of SIZE 1 2 4 8 or F of 4 8, got TYPE ",
                 shown(letter),
                 " SIZE ",
                 sizes.empty() ? "'4'" : shown(sizes[i]));
    }
    column.type = *type;
    constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
    if (!counts.empty() &&
        (!whole_number(counts[i], column.count) || column.count < 1 || column.count > kMost)) {
      input.fail(
          "field ", shown(column.name), ": expected a COUNT from 1 on, got ", shown(counts[i]));
    }
  }
  return columns;
}

void set_sizes(const Input& input, const Entries& entries, PcdHeader& header) {
  const auto points = number_of(input, entries, "POINTS");
  const auto width = number_of(input, entries, "WIDTH");
  if (!points && !width) input.fail("expected POINTS or WIDTH in the PCD header");
  header.width = width ? *width : *points;
  header.height = number_of(input, entries, "HEIGHT").value_or(1);
  int64_t product = 0;
  const bool overflow = __builtin_mul_overflow(header.width, header.height, &product);
  header.points = points.value_or(product);
  if (overflow || product != header.points) {
    input.fail("expected WIDTH x HEIGHT = POINTS, got ",
               header.width,
               " x ",
               header.height,
               " and ",
               header.points);
  }
}

void set_viewpoint(const Input& input, const Entries& entries, PcdHeader& header) {
  const auto entry = entries.find("VIEWPOINT");
  if (entry == entries.end()) return;
  for (const std::string_view word : entry->second) {
    double value = 0;
    LineNumbers numbers(word);
    if (!numbers.read(value)) input.fail("expected numbers after VIEWPOINT, got ", shown(word));
    header.viewpoint.push_back(value);
  }
  if (header.viewpoint.size() != 7) {
    input.fail("expected 7 numbers after VIEWPOINT, got ", header.viewpoint.size());
  }
}

Encoding encoding_of(const Input& input, const Words& words) {
  const std::string_view word = words.size() == 1 ? words[0] : "";
  if (word == "ascii") return Encoding::kAscii;
  if (word == "binary") return Encoding::kBinary;
  if (word == "binary_compressed") return Encoding::kCompressed;
  input.fail("expected DATA ascii, binary or binary_compressed, got ", shown(word));
}

}  // namespace

int64_t PcdHeader::row_size() const {
  int64_t size = 0;
  for (const PcdColumn& column : columns) size += column.size * column.count;
  return size;
}

int64_t PcdHeader::row_values() const {
  int64_t values = 0;
  for (const PcdColumn& column : columns) values += column.count;
  return values;
}

PcdHeader read_pcd_header(const Input& input) {
  PcdHeader header;
  const Entries entries = collect(input, header);
  header.columns = columns_of(input, entries);
  set_sizes(input, entries, header);
  set_viewpoint(input, entries, header);
  header.data = encoding_of(input, entries.at("DATA"));
  // A value of a text takes a digit and what parts it from the next one; the very last line needs
  // no end.
  if (header.data == Encoding::kAscii) {
    input.check_room("points", header.points, 2 * header.row_values(), header.body - 1);
  } else if (header.data == Encoding::kBinary) {
    input.check_room("points", header.points, header.row_size(), header.body);
  }
  return header;
}

}  // namespace pointattn::io
