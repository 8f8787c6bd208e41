// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/formats.h"
#include "pointattn/io/scalars.h"
#include "pointattn/io/text_columns.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace pointattn::io {
namespace {

constexpr std::string_view kSeparators = " \t,;";

bool is_comment(std::string_view line) { return line.starts_with('#') || line.starts_with("//"); }

bool is_number(std::string_view word) {
  double value = 0;
  const char* end = word.data() + word.size();
  return parse_number(word.data(), end, value) == end;
}

/// Known names in lower case ("X Y Z R G B" is common), others as they are; quotes are dropped.
std::string column_name(std::string_view word) {
  std::string name(word);
  name.erase(std::remove(name.begin(), name.end(), '"'), name.end());
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  static const std::vector<std::string> known = {
      "x", "y", "z", "nx", "ny", "nz", "r", "g", "b", "red", "green", "blue", "label", "intensity"};
  return std::count(known.begin(), known.end(), lower) ? lower : name;
}

bool name_a_cloud(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), [](const auto& name) { return !name.empty(); }) &&
         std::count(names.begin(), names.end(), "x") &&
         std::count(names.begin(), names.end(), "y") && std::count(names.begin(), names.end(), "z");
}

std::vector<std::string> column_names(std::string_view line) {
  std::vector<std::string> names;
  for (const std::string_view word : words_of(line, kSeparators))
    names.push_back(column_name(word));
  return names;
}

/// What stands before the first line of numbers.
struct Preamble {
  size_t body = 0;
  int64_t body_line = 0;
  size_t columns = 0;
  std::optional<int64_t> count;
  std::vector<std::string> names;
  std::vector<std::string> comments;
};

std::string_view without_marks(std::string_view comment) {
  const size_t text = comment.find_first_not_of("#/");
  return text == comment.npos ? std::string_view() : trimmed(comment.substr(text));
}

/// A comment is a header when it has as many words as the lines have numbers, x, y and z among
/// them.
void take_names_from_comments(Preamble& preamble) {
  auto& comments = preamble.comments;
  for (auto comment = comments.rbegin(); preamble.names.empty() && comment != comments.rend();
       ++comment) {
    std::vector<std::string> names = column_names(*comment);
    if (names.size() != preamble.columns || !name_a_cloud(names)) continue;
    preamble.names = std::move(names);
    comments.erase(std::next(comment).base());
    return;
  }
}

void take_header_line(const Input& input,
                      const Lines& lines,
                      std::string_view line,
                      Preamble& preamble) {
  std::vector<std::string> names = column_names(line);
  if (!preamble.names.empty() || !name_a_cloud(names)) {
    input.fail_at(
        lines.number(), "expected numbers, or names of columns with x y z, got ", shown(line));
  }
  preamble.names = std::move(names);
}

Preamble read_preamble(const Input& input) {
  Preamble preamble;
  Lines lines(input.bytes(), input.bytes().starts_with("\xEF\xBB\xBF") ? 3 : 0);
  std::string_view line;
  for (size_t start = lines.position(); lines.next(line); start = lines.position()) {
    line = trimmed(line);
    if (is_comment(line)) {
      preamble.comments.emplace_back(without_marks(line));
      continue;
    }
    const auto words = words_of(line, kSeparators);
    if (words.empty()) continue;
    int64_t count = 0;
    if (!std::all_of(words.begin(), words.end(), is_number)) {
      take_header_line(input, lines, line, preamble);
    } else if (words.size() == 1 && !preamble.count && whole_number(words[0], count) &&
               count >= 0) {
      preamble.count = count;
    } else {
      preamble.body = start;
      preamble.body_line = lines.number() - 1;
      preamble.columns = words.size();
      break;
    }
  }
  if (preamble.columns < 3) {
    input.fail_at(lines.number(), "expected at least 3 numbers a line, got ", preamble.columns);
  }
  take_names_from_comments(preamble);
  if (!preamble.names.empty() && preamble.names.size() != preamble.columns) {
    input.fail_at(
        lines.number(), "expected ", preamble.names.size(), " numbers, got ", preamble.columns);
  }
  return preamble;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Numbers of a line into row `row` of the columns; false when the line is not exactly that many
/// numbers.
bool parse_row(std::string_view line, const std::vector<double*>& columns, int64_t row) {
  const char* at = line.data();
  const char* end = at + line.size();
  const auto skip_separator = [&] {
    const char* start = at;
    while (at < end && is_blank(*at)) ++at;
    if (at < end && (*at == ',' || *at == ';')) ++at;
    while (at < end && is_blank(*at)) ++at;
    return at == end || at > start;
  };
  while (at < end && is_blank(*at)) ++at;
  for (double* column : columns) {
    at = parse_number(at, end, column[row]);
    if (!at || !skip_separator()) return false;
  }
  return at == end;
}

[[noreturn]] void refuse(const Input& input,
                         int64_t number,
                         std::string_view line,
                         size_t columns) {
  const auto words = words_of(line, kSeparators);
  for (const std::string_view word : words) {
    if (!is_number(word)) input.fail_at(number, "expected a number, got ", shown(word));
  }
  if (words.size() != columns)
    input.fail_at(number, "expected ", columns, " numbers, got ", words.size());
  input.fail_at(number, "expected ", columns, " numbers, got ", shown(line));
}

/// Columns of float64, all rows.
std::vector<at::Tensor> read_rows(const Input& input, const Preamble& preamble) {
  const std::string_view body = input.bytes().substr(preamble.body);
  // No more rows than there are lines, nor than the bytes can fill with numbers.
  const auto lines_left = std::count(body.begin(), body.end(), '\n') + 1;
  const auto room = static_cast<int64_t>(body.size() / (2 * preamble.columns)) + 1;
  const int64_t capacity = std::min<int64_t>(lines_left, room);
  std::vector<at::Tensor> columns;
  std::vector<double*> targets;
  for (size_t i = 0; i < preamble.columns; ++i) {
    columns.push_back(at::empty({capacity}, at::TensorOptions(at::kDouble)));
    targets.push_back(columns.back().mutable_data_ptr<double>());
  }
  int64_t rows = 0;
  Lines lines(input.bytes(), preamble.body, preamble.body_line);
  std::string_view line;
  while (lines.next(line)) {
    line = trimmed(line);
    if (line.empty() || is_comment(line)) continue;
    if (rows == capacity || !parse_row(line, targets, rows)) {
      refuse(input, lines.number(), line, preamble.columns);
    }
    ++rows;
  }
  if (preamble.count && *preamble.count != rows) {
    input.fail("expected ", *preamble.count, " points as the first line says, got ", rows);
  }
  for (at::Tensor& column : columns) column = column.narrow(0, 0, rows);
  return columns;
}

Cloud read_text(const Input& input) {
  Preamble preamble = read_preamble(input);
  std::vector<at::Tensor> columns = read_rows(input, preamble);
  const std::vector<std::string> names =
      preamble.names.empty() ? guess_names(columns) : std::move(preamble.names);
  Cloud cloud;
  cloud.comments = std::move(preamble.comments);
  for (size_t i = 0; i < columns.size(); ++i) {
    cloud.fields.push_back(to_field(names[i], std::move(columns[i])));
  }
  return cloud;
}

}  // namespace

Format text_format() {
  return {{".xyz", ".txt", ".pts", ".asc", ".csv"}, nullptr, read_text, nullptr};
}

}  // namespace pointattn::io
