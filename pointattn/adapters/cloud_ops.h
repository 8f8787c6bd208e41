// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/neighbor_index.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

/// The operators on one cloud [N,3], as the adapters of other libraries' clouds (pcl.h, open3d.h)
/// call them. Views of foreign memory are searched where they lie if their points lie one behind
/// another (Open3D); with gaps between them (PCL) they are copied once. Order, ties and errors are
/// those of the operators; c10::ValueError where a point is not finite.
namespace pointattn::adapters {

/// The k nearest of `points` for each query, which may be the points themselves.
ops::Neighbors knn(const at::Tensor& query, const at::Tensor& points, int64_t k);

/// All of `points` within `radius` (≤) of each query.
ops::RaggedNeighbors within(const at::Tensor& query, const at::Tensor& points, double radius);

/// Rows of the first `count` farthest points, int64 [count].
at::Tensor farthest_point_sample(const at::Tensor& points, int64_t count);

}  // namespace pointattn::adapters
