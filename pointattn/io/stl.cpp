// SPDX-License-Identifier: Apache-2.0
// STL has no vertices of its own, only triangles with their corners: equal corners become one
// point.
#include "pointattn/io/formats.h"
#include "pointattn/io/mesh_points.h"
#include "pointattn/io/polygons.h"
#include "pointattn/io/scalars.h"

#include <bit>
#include <cstring>
#include <unordered_map>

namespace pointattn::io {
namespace {

using Corner = std::array<float, 3>;
using Bits = std::array<uint32_t, 3>;

struct HashBits {
  size_t operator()(const Bits& bits) const {
    uint64_t hash = 0;
    for (const uint32_t part : bits) hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
    return hash ^ (hash >> 32);
  }
};

class Corners {
 public:
  int64_t add(Corner corner) {
    Bits bits;
    for (size_t i = 0; i < 3; ++i)
      bits[i] = std::bit_cast<uint32_t>(corner[i] += 0.0F);  // -0 and 0 are one place
    const auto [entry, fresh] = rows_.try_emplace(bits, static_cast<int64_t>(points_.size()));
    if (fresh) points_.push_back(corner);
    return entry->second;
  }
  const std::vector<Corner>& points() const { return points_; }

 private:
  std::unordered_map<Bits, int64_t, HashBits> rows_;
  std::vector<Corner> points_;
};

constexpr size_t kHeader = 84;
constexpr size_t kRecord = 50;

uint32_t announced(std::string_view bytes) {
  uint32_t count = 0;
  if (bytes.size() >= kHeader) std::memcpy(&count, bytes.data() + 80, sizeof(count));
  return count;
}

void read_binary(const Input& input, Corners& corners, Polygons& polygons) {
  const uint32_t count = announced(input.bytes());
  if (input.bytes().size() < kHeader)
    input.fail("expected an STL header of 84 bytes, got the end of the file");
  if ((input.bytes().size() - kHeader) / kRecord < count) {
    input.fail("expected ",
               count,
               " triangles of 50 bytes, got ",
               input.bytes().size() - kHeader,
               " bytes");
  }
  const char* at = input.bytes().data() + kHeader;
  std::vector<int64_t> triangle(3);
  for (uint32_t i = 0; i < count; ++i, at += kRecord) {
    for (size_t k = 0; k < 3; ++k) {
      Corner corner;
      std::memcpy(corner.data(), at + 12 + 12 * k, sizeof(corner));  // behind the normal
      triangle[k] = corners.add(corner);
    }
    polygons.add(triangle);
  }
}

void read_ascii(const Input& input, Corners& corners, Polygons& polygons) {
  Lines lines(input.bytes());
  std::string_view line;
  std::vector<int64_t> triangle;
  bool closed = false;
  while (lines.next_filled(line)) {
    const auto words = words_of(line);
    closed = words[0] == "endsolid";
    if (words[0] == "vertex") {
      LineNumbers numbers(trimmed(line).substr(words[0].size()));
      Corner corner;
      for (float& value : corner) {
        if (!numbers.read(value)) {
          input.fail_at(lines.number(), "expected three numbers of a vertex, got ", numbers.here());
        }
      }
      triangle.push_back(corners.add(corner));
    } else if (words[0] == "endloop") {
      if (triangle.size() != 3) {
        input.fail_at(lines.number(), "expected 3 vertices in a loop, got ", triangle.size());
      }
      polygons.add(triangle);
      triangle.clear();
    } else if (words[0] != "solid" && words[0] != "facet" && words[0] != "outer" &&
               words[0] != "endfacet" && words[0] != "endsolid") {
      input.fail_at(lines.number(), "expected a line of an ascii STL, got ", shown(line));
    }
  }
  if (!closed) input.fail_at(lines.number(), "expected 'endsolid', got the end of the file");
}

Cloud read_stl(const Input& input) {
  const std::string_view bytes = input.bytes();
  // Some binary files start with "solid" too; only their size tells.
  const bool exact =
      bytes.size() >= kHeader && bytes.size() == kHeader + kRecord * announced(bytes);
  Corners corners;
  Polygons polygons;
  if (exact || !bytes.starts_with("solid")) {
    read_binary(input, corners, polygons);
  } else {
    read_ascii(input, corners, polygons);
  }
  Cloud cloud;
  set_triples(cloud, {"x", "y", "z"}, corners.points());
  cloud.triangles = polygons.triangles();
  return cloud;
}

}  // namespace

Format stl_format() { return {{".stl"}, nullptr, read_stl, nullptr}; }

}  // namespace pointattn::io
