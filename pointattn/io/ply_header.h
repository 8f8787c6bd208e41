// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"
#include "pointattn/io/input.h"

#include <optional>
#include <string>
#include <vector>

namespace pointattn::io {

struct PlyProperty {
  std::string name;
  at::ScalarType type = at::kFloat;
  std::optional<at::ScalarType>
      length;  ///< type of the count in front of a list; nothing for a scalar
};

struct PlyElement {
  std::string name;
  int64_t count = 0;
  std::vector<PlyProperty> properties;
};

enum class PlyData { kAscii, kLittleEndian, kBigEndian };

struct PlyHeader {
  PlyData data = PlyData::kAscii;
  std::vector<PlyElement> elements;
  std::vector<std::string> comments;
  size_t body = 0;        ///< byte where the data starts
  int64_t body_line = 0;  ///< lines before it
  int64_t vertices = 0;
};

/// Parses the header and checks its counts against the size of the file. Both spellings of the
/// types are known ("uchar", "uint8").
PlyHeader read_ply_header(const Input& input);

}  // namespace pointattn::io
