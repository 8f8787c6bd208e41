// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/ply_header.h"

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <map>

namespace pointattn::io {
namespace {

using Words = std::vector<std::string_view>;

at::ScalarType type_of(const Input& input, int64_t line, std::string_view word) {
  static const std::map<std::string_view, at::ScalarType> types = {
      {"char", at::kChar},
      {"int8", at::kChar},
      {"uchar", at::kByte},
      {"uint8", at::kByte},
      {"short", at::kShort},
      {"int16", at::kShort},
      {"ushort", at::kUInt16},
      {"uint16", at::kUInt16},
      {"int", at::kInt},
      {"int32", at::kInt},
      {"uint", at::kUInt32},
      {"uint32", at::kUInt32},
      {"float", at::kFloat},
      {"float32", at::kFloat},
      {"double", at::kDouble},
      {"float64", at::kDouble},
  };
  const auto found = types.find(word);
  if (found == types.end()) {
    input.fail_at(line, "expected a PLY type (char to double, int8 to float64), got ", shown(word));
  }
  return found->second;
}

PlyData data_of(const Input& input, int64_t line, const Words& words) {
  static const std::map<std::string_view, PlyData> kinds = {
      {"ascii", PlyData::kAscii},
      {"binary_little_endian", PlyData::kLittleEndian},
      {"binary_big_endian", PlyData::kBigEndian},
  };
  const auto found = kinds.find(words.size() == 3 ? words[1] : "");
  if (found == kinds.end()) {
    input.fail_at(line,
                  "expected 'format' ascii, binary_little_endian or binary_big_endian and '1.0'");
  }
  return found->second;
}

PlyElement element_of(const Input& input, int64_t line, const Words& words) {
  PlyElement element;
  if (words.size() != 3 || !whole_number(words[2], element.count) || element.count < 0) {
    input.fail_at(line, "expected 'element', a name and a count from 0 on");
  }
  element.name = words[1];
  return element;
}

PlyProperty property_of(const Input& input, int64_t line, const Words& words) {
  PlyProperty property;
  const bool list = words.size() == 5 && words[1] == "list";
  if (!list && words.size() != 3) {
    input.fail_at(
        line, "expected 'property', a type and a name, or 'property list', two types and a name");
  }
  property.name = words.back();
  property.type = type_of(input, line, words[words.size() - 2]);
  if (list) {
    property.length = type_of(input, line, words[2]);
    if (at::isFloatingType(*property.length)) {
      input.fail_at(
          line, "expected an integer type for the length of a list, got ", shown(words[2]));
    }
  }
  return property;
}

/// Bytes that a row takes at least.
int64_t smallest_row(const PlyHeader& header, const PlyElement& element) {
  int64_t size = 0;
  for (const PlyProperty& property : element.properties) {
    const at::ScalarType first = property.length.value_or(property.type);
    size += header.data == PlyData::kAscii ? 2 : static_cast<int64_t>(c10::elementSize(first));
  }
  return size;
}

void check_elements(const Input& input, PlyHeader& header) {
  const auto is_vertex = [](const PlyElement& element) { return element.name == "vertex"; };
  const auto& elements = header.elements;
  if (std::count_if(elements.begin(), elements.end(), is_vertex) != 1) {
    input.fail("expected one 'element vertex' in the PLY header");
  }
  // The last line of a text needs no end.
  const size_t body = header.body - (header.data == PlyData::kAscii ? 1 : 0);
  for (const PlyElement& element : elements) {
    input.check_room(element.name.c_str(), element.count, smallest_row(header, element), body);
  }
  const PlyElement& vertex = *std::find_if(elements.begin(), elements.end(), is_vertex);
  const bool scalar = std::any_of(
      vertex.properties.begin(), vertex.properties.end(), [](const auto& p) { return !p.length; });
  if (!scalar) input.fail("expected a vertex with properties that are no lists");
  header.vertices = vertex.count;
}

/// Takes one line; false after the last one.
bool take(const Input& input,
          int64_t number,
          std::string_view line,
          bool& format_seen,
          PlyHeader& header) {
  const Words words = words_of(line);
  const std::string_view keyword = words.empty() ? "" : words[0];
  if (keyword == "end_header") return false;
  if (keyword == "comment") {
    header.comments.emplace_back(trimmed(trimmed(line).substr(keyword.size())));
  } else if (keyword == "format") {
    header.data = data_of(input, number, words);
    format_seen = true;
  } else if (keyword == "element") {
    header.elements.push_back(element_of(input, number, words));
  } else if (keyword == "property" && !header.elements.empty()) {
    header.elements.back().properties.push_back(property_of(input, number, words));
  } else if (keyword != "obj_info" && !keyword.empty()) {
    input.fail_at(number, "expected a line of a PLY header, got ", shown(line));
  }
  return true;
}

}  // namespace

PlyHeader read_ply_header(const Input& input) {
  PlyHeader header;
  Lines lines(input.bytes());
  std::string_view line;
  if (!lines.next(line) || trimmed(line) != "ply")
    input.fail_at(1, "expected 'ply', got ", shown(line));
  bool format_seen = false;
  bool open = true;
  while (open) {
    if (!lines.next(line))
      input.fail_at(lines.number(), "expected 'end_header', got the end of the file");
    open = take(input, lines.number(), line, format_seen, header);
  }
  if (!format_seen) input.fail("expected a 'format' line in the PLY header");
  header.body = lines.position();
  header.body_line = lines.number();
  check_elements(input, header);
  return header;
}

}  // namespace pointattn::io
