// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/knn_inputs.h"

#include <torch/library.h>

namespace pointattn::ops {
namespace {

std::tuple<at::Tensor, at::Tensor> ball_query_cuda(const at::Tensor& query,
                                                   const at::Tensor& points,
                                                   const at::Tensor& query_offsets,
                                                   const at::Tensor& point_offsets,
                                                   double radius,
                                                   int64_t k) {
  const double sq_radius = checked_sq_radius("ball_query", radius);
  const SearchInputs inputs =
      check_search("ball_query", query, points, query_offsets, point_offsets, k);
  const Neighbors found = search_cuda(inputs, sq_radius, k);
  return {found.index, found.sq_dist};
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CUDA, m) { m.impl("ball_query", &ball_query_cuda); }

}  // namespace pointattn::ops
