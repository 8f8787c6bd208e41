// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/knn_inputs.h"

#include "pointattn/core/check.h"
#include "pointattn/ops/gather.h"
#include "pointattn/ops/gather_backward.h"

#include <ATen/ATen.h>

namespace pointattn::ops {

SearchInputs check_search(const char* operation,
                          const at::Tensor& query,
                          const at::Tensor& points,
                          const at::Tensor& query_offsets,
                          const at::Tensor& point_offsets,
                          int64_t k) {
  ShapeCheck check(operation);
  check(query, "query", {"M", 3});
  check(points, "points", {"N", 3});
  const at::ScalarType dtype = points.scalar_type();
  TORCH_CHECK_VALUE(dtype == at::kFloat || dtype == at::kDouble,
                    operation,
                    ": expected float32 or float64 points, got ",
                    dtype);
  TORCH_CHECK_VALUE(query.scalar_type() == dtype && query.device() == points.device(),
                    operation,
                    ": expected query of ",
                    dtype,
                    " on ",
                    points.device(),
                    " as points, got ",
                    query.scalar_type(),
                    " on ",
                    query.device());
  TORCH_CHECK_VALUE(k >= 1, operation, ": expected k of at least 1, got ", k);
  SearchInputs inputs{query.contiguous(), points.contiguous(), {}, {}};
  inputs.query_offsets = checked_offsets(operation, query_offsets, "query_offsets", query.size(0));
  inputs.point_offsets = checked_offsets(operation, point_offsets, "point_offsets", points.size(0));
  TORCH_CHECK_VALUE(inputs.query_offsets.size() == inputs.point_offsets.size(),
                    operation,
                    ": expected query_offsets and point_offsets of as many clouds, got ",
                    inputs.query_offsets.size() - 1,
                    " and ",
                    inputs.point_offsets.size() - 1);
  check_finite(operation, query, "query");
  check_finite(operation, points, "points");
  return inputs;
}

void check_enough_points(const char* operation, const SearchInputs& inputs, int64_t k) {
  for (size_t b = 0; b + 1 < inputs.query_offsets.size(); ++b) {
    const int64_t queries = inputs.query_offsets[b + 1] - inputs.query_offsets[b];
    const int64_t points = inputs.point_offsets[b + 1] - inputs.point_offsets[b];
    TORCH_CHECK_VALUE(queries == 0 || points >= k,
                      operation,
                      ": expected at least ",
                      k,
                      k == 1 ? " point" : " points",
                      " in each cloud with queries, got ",
                      points,
                      " in cloud ",
                      b);
  }
}

double checked_sq_radius(double radius) {
  TORCH_CHECK_VALUE(radius >= 0.0, "ball_query: expected a radius of at least 0, got ", radius);
  return radius * radius;
}

std::vector<at::Tensor> sq_dist_gradients(const at::Tensor& grad,
                                          const at::Tensor& query,
                                          const at::Tensor& points,
                                          const at::Tensor& index) {
  const at::Tensor present = index.ge(0).unsqueeze(-1);
  const at::Tensor difference = query.unsqueeze(1) - gather(points, index);
  // The product alone would turn the infinite distances of empty places into NaN.
  const at::Tensor flow =
      at::where(present, 2 * grad.unsqueeze(-1) * difference, at::zeros({}, grad.options()));
  return {
      flow.sum(1),
      gather_backward(-flow.reshape_symint({-1, 3}), index.reshape(-1), {}, points.sym_size(0))};
}

}  // namespace pointattn::ops
