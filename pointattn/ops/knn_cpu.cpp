// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/feature_search.h"
#include "pointattn/ops/knn_inputs.h"
#include "pointattn/ops/neighbor_clouds.h"

#include <torch/library.h>

#include <limits>

namespace pointattn::ops {
namespace {

std::tuple<at::Tensor, at::Tensor> knn_cpu(const at::Tensor& query,
                                           const at::Tensor& points,
                                           const at::Tensor& query_offsets,
                                           const at::Tensor& point_offsets,
                                           int64_t k) {
  const SearchInputs inputs =
      check_search("knn", query, points, query_offsets, point_offsets, k, 0);
  check_enough_points("knn", inputs.query, inputs.points, k);
  const Neighbors found = points.size(1) != 3
                              ? search_features(inputs, k)
                              : search_cpu(inputs, std::numeric_limits<double>::infinity(), k);
  return {found.index, found.sq_dist};
}

}  // namespace

Neighbors search_cpu(const SearchInputs& inputs, double sq_limit, int64_t k) {
  return NeighborClouds(inputs.points.xyz, inputs.points.offsets)
      .nearest(inputs.query.xyz, inputs.query.offsets, sq_limit, k);
}

TORCH_LIBRARY_IMPL(pointattn, CPU, m) { m.impl("knn", &knn_cpu); }

}  // namespace pointattn::ops
