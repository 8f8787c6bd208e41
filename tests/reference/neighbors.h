// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/knn.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace pointattn::reference {

/// Up to k neighbours within `radius`, by sorting all distances of each query, in the dtype of the
/// tensors (CPU): float64 gives the values to compare with, the operator's own dtype the exact
/// order.
ops::Neighbors neighbors(const at::Tensor& query,
                         const at::Tensor& points,
                         const std::vector<int64_t>& query_offsets,
                         const std::vector<int64_t>& point_offsets,
                         double radius,
                         int64_t k);

/// Farthest point sampling of one cloud [n,3] by its definition: rows taken.
std::vector<int64_t> farthest_points(const at::Tensor& points, int64_t count);

/// Inverse-distance interpolation by its formula, all tensors float64, one cloud.
at::Tensor interpolate(const at::Tensor& query,
                       const at::Tensor& points,
                       const at::Tensor& feat,
                       int64_t k);

}  // namespace pointattn::reference
