// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace pointattn::ops {

/// Padding of every neighbour list that is not full: index −1, squared distance +infinity. `gather`
/// yields zeros for −1.
inline constexpr int64_t kNoNeighbor = -1;

struct Neighbors {
  at::Tensor index;    ///< int64 [M,K], rows of `points` (of the whole batch)
  at::Tensor sq_dist;  ///< [M,K], squared Euclidean distances, dtype of `points`
};

/// The K nearest points of each query, cloud by cloud: queries of cloud b search the points of
/// cloud b.
///
/// query          [M,3] or features [M,D], float32 or float64, any device
/// points         [N,3] or [N,D], same dtype and device
/// query_offsets  [B+1] int64 row starts of the clouds in `query`
/// point_offsets  [B+1] int64 row starts of the clouds in `points`
/// k              1 ≤ k ≤ points of every cloud that has queries
///
/// Order: nearest first, equal distances by lower index, so the result is the same on every device,
/// for every number of threads. Distances are Σ (x_i − x_j)² in the dtype of the input (in three
/// dimensions every operation rounded, in others summed in float64 and rounded once), never
/// |a|²+|b|²−2ab (which cancels for near points). Gradients: none through `index`; `sq_dist` passes
/// gradients to `query` and `points`. Throws c10::ValueError: wrong shapes, k > N of a cloud with
/// queries, NaN or infinity. Cost: a k-d tree on the CPU (NeighborIndex keeps it for many searches),
/// of features products of tiles; on CUDA a warp a query, over all points of a small cloud, down a
/// tree of boxes in a large one, and for k > 1024 and features slower ways in O(M·N). Memory
/// O(M·K + N D).
Neighbors knn(const at::Tensor& query,
              const at::Tensor& points,
              const at::Tensor& query_offsets,
              const at::Tensor& point_offsets,
              int64_t k);

}  // namespace pointattn::ops
