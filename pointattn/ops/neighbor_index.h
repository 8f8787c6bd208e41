// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/knn.h"

#include <cstdint>
#include <memory>

namespace pointattn::ops {

/// All neighbours within a radius, one query after another.
struct RaggedNeighbors {
  at::Tensor offsets;  ///< int64 [M+1]: those of query m are at offsets[m] … offsets[m + 1] − 1
  at::Tensor index;    ///< int64 [offsets[M]], rows of `points` (of the whole batch)
  at::Tensor sq_dist;  ///< [offsets[M]], squared Euclidean distances, dtype of `points`
};

/// A batch of clouds made ready for many neighbour searches on the CPU: the operators knn() and
/// ball_query() build one for each call. Copies share the index, and any number of threads may
/// search it at once.
///
///   const NeighborIndex index(points, offsets);
///   const Neighbors nearest = index.knn(points, offsets, 16);
///   const RaggedNeighbors near = index.within(query, query_offsets, 0.05);
///
/// Distances, order and padding are those of knn(); there are no gradients. Queries [M,3] have the
/// dtype of the points; query_offsets [B+1] says which cloud each of them searches. Queries that
/// are the very tensor of the points are answered fastest. Results are the same bits for every
/// number of threads and every instruction set. Searches throw c10::ValueError on wrong shapes,
/// NaN or infinity.
class NeighborIndex {
 public:
  /// points [N,3] float32 or float64 on the CPU, offsets [B+1] int64. Keeps the tensor, which must
  /// not be changed; O(N log N) time. Throws c10::ValueError: wrong shapes, NaN or infinity.
  NeighborIndex(const at::Tensor& points, const at::Tensor& offsets);

  /// The k nearest points, 1 ≤ k ≤ points of every cloud that has queries.
  Neighbors knn(const at::Tensor& query, const at::Tensor& query_offsets, int64_t k) const;

  /// The nearest k of the points within `radius` (≤), as ball_query().
  Neighbors ball_query(const at::Tensor& query,
                       const at::Tensor& query_offsets,
                       double radius,
                       int64_t k) const;

  /// All points within `radius` (≤), which is ≥ 0 and may be infinite.
  RaggedNeighbors within(const at::Tensor& query,
                         const at::Tensor& query_offsets,
                         double radius) const;

  const at::Tensor& points() const;

 private:
  struct Checked;
  std::shared_ptr<const Checked> checked_;
};

}  // namespace pointattn::ops
