// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/neighbor_index.h"

#include "pointattn/core/check.h"
#include "pointattn/ops/knn_inputs.h"
#include "pointattn/ops/neighbor_clouds.h"

#include <ATen/ATen.h>

#include <limits>

namespace pointattn::ops {

struct NeighborIndex::Checked {
  CloudRows points;
  NeighborClouds clouds;

  explicit Checked(const CloudRows& rows) : points(rows), clouds(rows.xyz, rows.offsets) {}
};

NeighborIndex::NeighborIndex(const at::Tensor& points, const at::Tensor& offsets) {
  const CloudRows rows = check_points("NeighborIndex", points, offsets);
  TORCH_CHECK_VALUE(points.is_cpu(),
                    "NeighborIndex: expected points on the CPU, got points on ",
                    points.device());
  checked_ = std::make_shared<const Checked>(rows);
}

Neighbors NeighborIndex::knn(const at::Tensor& query,
                             const at::Tensor& query_offsets,
                             int64_t k) const {
  const CloudRows queries = check_queries("knn", query, query_offsets, checked_->points);
  check_k("knn", k);
  check_enough_points("knn", queries, checked_->points, k);
  return checked_->clouds.nearest(
      queries.xyz, queries.offsets, std::numeric_limits<double>::infinity(), k);
}

Neighbors NeighborIndex::ball_query(const at::Tensor& query,
                                    const at::Tensor& query_offsets,
                                    double radius,
                                    int64_t k) const {
  const double sq_radius = checked_sq_radius("ball_query", radius);
  const CloudRows queries = check_queries("ball_query", query, query_offsets, checked_->points);
  check_k("ball_query", k);
  return checked_->clouds.nearest(queries.xyz, queries.offsets, sq_radius, k);
}

RaggedNeighbors NeighborIndex::within(const at::Tensor& query,
                                      const at::Tensor& query_offsets,
                                      double radius) const {
  const double sq_radius = checked_sq_radius("within", radius);
  const CloudRows queries = check_queries("within", query, query_offsets, checked_->points);
  return checked_->clouds.within(queries.xyz, queries.offsets, sq_radius);
}

const at::Tensor& NeighborIndex::points() const { return checked_->points.xyz; }

}  // namespace pointattn::ops
