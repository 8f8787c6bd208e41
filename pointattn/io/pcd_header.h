// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"
#include "pointattn/io/input.h"

#include <string>
#include <vector>

namespace pointattn::io {

struct PcdColumn {
  std::string name;
  at::ScalarType type = at::kFloat;
  int64_t size = 4;   ///< bytes of one value
  int64_t count = 1;  ///< values in a row
  /// PCL names the gaps of its structures "_": they take room in the file but say nothing.
  bool is_padding() const { return name == "_"; }
};

struct PcdHeader {
  std::vector<PcdColumn> columns;
  int64_t width = 0;
  int64_t height = 0;
  int64_t points = 0;
  std::vector<double> viewpoint;
  std::vector<std::string> comments;
  Encoding data = Encoding::kAscii;
  size_t body = 0;        ///< byte where the data starts
  int64_t body_line = 0;  ///< lines before it
  int64_t row_size() const;
  int64_t row_values() const;
};

/// Parses and checks the header against itself and against the size of the file. Older headers may
/// lack SIZE, TYPE, COUNT, VIEWPOINT, WIDTH and HEIGHT, or POINTS.
PcdHeader read_pcd_header(const Input& input);

}  // namespace pointattn::io
