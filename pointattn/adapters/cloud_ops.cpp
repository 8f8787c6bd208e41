// SPDX-License-Identifier: Apache-2.0
#include "pointattn/adapters/cloud_ops.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/ops/farthest_point_sample.h"

#include <ATen/ATen.h>

namespace pointattn::adapters {
namespace {

at::Tensor offsets_of_all(const at::Tensor& xyz) { return offsets_of({xyz.size(0)}); }

/// What the index holds where the query is its points, so that they are not copied again.
const at::Tensor& query_of(const at::Tensor& query,
                           const at::Tensor& points,
                           const ops::NeighborIndex& index) {
  const bool same = query.const_data_ptr() == points.const_data_ptr() &&
                    query.sizes() == points.sizes() && query.strides() == points.strides();
  return same ? index.points() : query;
}

}  // namespace

ops::Neighbors knn(const at::Tensor& query, const at::Tensor& points, int64_t k) {
  const ops::NeighborIndex index(points, offsets_of_all(points));
  return index.knn(query_of(query, points, index), offsets_of_all(query), k);
}

ops::RaggedNeighbors within(const at::Tensor& query, const at::Tensor& points, double radius) {
  const ops::NeighborIndex index(points, offsets_of_all(points));
  return index.within(query_of(query, points, index), offsets_of_all(query), radius);
}

at::Tensor farthest_point_sample(const at::Tensor& points, int64_t count) {
  return ops::farthest_point_sample(points, offsets_of_all(points), at::tensor({count}, at::kLong));
}

}  // namespace pointattn::adapters
