// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/pcd_read.h"

#include "pointattn/io/lzf.h"
#include "pointattn/io/pcd_header.h"
#include "pointattn/io/scalars.h"

#include <cstring>
#include <limits>

namespace pointattn::io {
namespace {

/// Where a column's values go; null for padding.
struct Target {
  const PcdColumn* column;
  char* values;
};

std::vector<Target> make_fields(const PcdHeader& header, Cloud& cloud) {
  std::vector<Target> targets;
  for (const PcdColumn& column : header.columns) {
    char* values = nullptr;
    if (!column.is_padding()) {
      cloud.fields.push_back(make_field(column.name, column.type, column.count, header.points));
      values = static_cast<char*>(cloud.fields.back().values.data_ptr());
    }
    targets.push_back({&column, values});
  }
  return targets;
}

void read_line(const Input& input,
               const Lines& lines,
               std::string_view line,
               std::vector<Target>& targets) {
  LineNumbers numbers(line);
  char unused[8];
  for (Target& target : targets) {
    for (int64_t i = 0; i < target.column->count; ++i) {
      if (!numbers.read(target.column->type, target.values ? target.values : unused)) {
        input.fail_at(lines.number(),
                      "expected a number for field ",
                      shown(target.column->name),
                      ", got ",
                      numbers.here());
      }
      if (target.values) target.values += target.column->size;
    }
  }
  if (!numbers.done()) {
    input.fail_at(lines.number(), "expected the end of the line, got ", numbers.here());
  }
}

void read_ascii(const Input& input, const PcdHeader& header, Cloud& cloud) {
  std::vector<Target> targets = make_fields(header, cloud);
  Lines lines(input.bytes(), header.body, header.body_line);
  std::string_view line;
  for (int64_t point = 0; point < header.points; ++point) {
    if (!lines.next_filled(line)) {
      input.fail_at(lines.number(), "expected ", header.points, " points, got ", point);
    }
    read_line(input, lines, line, targets);
  }
  if (lines.next_filled(line)) {
    input.fail_at(lines.number(), "expected ", header.points, " points, got more lines");
  }
}

void read_binary(const Input& input, const PcdHeader& header, Cloud& cloud) {
  const char* from = input.bytes().data() + header.body;
  for (const Target& target : make_fields(header, cloud)) {
    const int64_t size = target.column->size * target.column->count;
    if (target.values)
      copy_items(from, header.row_size(), target.values, size, size, header.points);
    from += size;
  }
}

/// Two 32-bit sizes, then the columns one after another, packed together. PCL's writer leaves
/// padding out of the header, so what padding there is lies in the data too.
void read_compressed(const Input& input, const PcdHeader& header, Cloud& cloud) {
  std::string_view body = input.bytes().substr(header.body);
  if (header.points == 0 && body.empty()) {
    make_fields(header, cloud);
    return;
  }
  uint32_t sizes[2] = {0, 0};
  if (body.size() < sizeof(sizes))
    input.fail("expected two sizes after DATA, got the end of the file");
  std::memcpy(sizes, body.data(), sizeof(sizes));
  body.remove_prefix(sizeof(sizes));
  if (sizes[0] > body.size()) {
    input.fail("expected ", sizes[0], " compressed bytes, got ", body.size());
  }
  // Three bytes make 264 at most: a larger promise is a lie, and nothing is allocated for it.
  constexpr int64_t kMostGrowth = 88;
  const int64_t row_size = header.row_size();
  const int64_t unpacked = sizes[1];
  if (header.points > std::numeric_limits<uint32_t>::max() ||
      unpacked != header.points * row_size || unpacked > kMostGrowth * sizes[0]) {
    input.fail("expected ",
               header.points,
               " points of ",
               row_size,
               " bytes, got ",
               sizes[0],
               " bytes that unpack to ",
               unpacked);
  }
  std::string bytes(static_cast<size_t>(unpacked), '\0');
  if (!lzf_decompress(body.substr(0, sizes[0]), bytes.data(), bytes.size())) {
    input.fail("expected compressed points, got bytes that do not unpack");
  }
  const char* from = bytes.data();
  for (const Target& target : make_fields(header, cloud)) {
    const int64_t size = target.column->size * target.column->count;
    if (target.values) copy_items(from, size, target.values, size, size, header.points);
    from += size * header.points;
  }
}

}  // namespace

Cloud read_pcd(const Input& input) {
  PcdHeader header = read_pcd_header(input);
  Cloud cloud;
  cloud.width = header.width;
  cloud.height = header.height;
  cloud.viewpoint = std::move(header.viewpoint);
  cloud.comments = std::move(header.comments);
  switch (header.data) {
    case Encoding::kAscii:
      read_ascii(input, header, cloud);
      break;
    case Encoding::kBinary:
      read_binary(input, header, cloud);
      break;
    case Encoding::kCompressed:
      read_compressed(input, header, cloud);
      break;
  }
  return cloud;
}

}  // namespace pointattn::io
