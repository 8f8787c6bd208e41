// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace pointattn::io {

/// Collects the faces of a mesh as triangles: a polygon becomes a fan around its first corner, one
/// of fewer than three corners nothing.
class Polygons {
 public:
  void add(const std::vector<int64_t>& corners);
  /// int64 [T,3].
  at::Tensor triangles() const;

 private:
  std::vector<int64_t> corners_;
};

}  // namespace pointattn::io
