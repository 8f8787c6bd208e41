// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/knn_inputs.h"

#include "pointattn/core/check.h"
#include "pointattn/ops/gather.h"
#include "pointattn/ops/gather_backward.h"

#include <ATen/ATen.h>

namespace pointattn::ops {

CloudRows check_points(const char* operation,
                       const at::Tensor& points,
                       const at::Tensor& offsets,
                       int64_t dims) {
  ShapeCheck check(operation);
  if (dims > 0) {
    check(points, "points", {"N", dims});
  } else {
    check(points, "points", {"N", "D"});
    TORCH_CHECK_VALUE(check["D"] > 0, operation, ": expected points [N,D] with D of at least 1");
  }
  const at::ScalarType dtype = points.scalar_type();
  TORCH_CHECK_VALUE(dtype == at::kFloat || dtype == at::kDouble,
                    operation,
                    ": expected float32 or float64 points, got ",
                    dtype);
  CloudRows rows{points.contiguous(), {}};
  rows.offsets = checked_offsets(operation, offsets, "point_offsets", points.size(0));
  check_finite(operation, rows.xyz, "points");
  return rows;
}

CloudRows check_queries(const char* operation,
                        const at::Tensor& query,
                        const at::Tensor& offsets,
                        const CloudRows& points) {
  ShapeCheck check(operation);
  check(query, "query", {"M", points.xyz.size(1)});
  TORCH_CHECK_VALUE(
      query.scalar_type() == points.xyz.scalar_type() && query.device() == points.xyz.device(),
      operation,
      ": expected query of ",
      points.xyz.scalar_type(),
      " on ",
      points.xyz.device(),
      " as points, got ",
      query.scalar_type(),
      " on ",
      query.device());
  CloudRows rows{query.contiguous(), {}};
  rows.offsets = checked_offsets(operation, offsets, "query_offsets", query.size(0));
  TORCH_CHECK_VALUE(rows.clouds() == points.clouds(),
                    operation,
                    ": expected query_offsets and point_offsets of as many clouds, got ",
                    rows.clouds(),
                    " and ",
                    points.clouds());
  const bool same = rows.xyz.const_data_ptr() == points.xyz.const_data_ptr() &&
                    rows.xyz.numel() == points.xyz.numel();
  if (!same) check_finite(operation, rows.xyz, "query");
  return rows;
}

void check_k(const char* operation, int64_t k) {
  TORCH_CHECK_VALUE(k >= 1, operation, ": expected k of at least 1, got ", k);
}

SearchInputs check_search(const char* operation,
                          const at::Tensor& query,
                          const at::Tensor& points,
                          const at::Tensor& query_offsets,
                          const at::Tensor& point_offsets,
                          int64_t k,
                          int64_t dims) {
  CloudRows checked = check_points(operation, points, point_offsets, dims);
  check_k(operation, k);
  return {check_queries(operation, query, query_offsets, checked), checked};
}

void check_enough_points(const char* operation,
                         const CloudRows& query,
                         const CloudRows& points,
                         int64_t k) {
  for (size_t b = 0; b + 1 < query.offsets.size(); ++b) {
    const int64_t size = points.offsets[b + 1] - points.offsets[b];
    TORCH_CHECK_VALUE(query.offsets[b + 1] == query.offsets[b] || size >= k,
                      operation,
                      ": expected at least ",
                      k,
                      k == 1 ? " point" : " points",
                      " in each cloud with queries, got ",
                      size,
                      " in cloud ",
                      b);
  }
}

double checked_sq_radius(const char* operation, double radius) {
  TORCH_CHECK_VALUE(radius >= 0.0, operation, ": expected a radius of at least 0, got ", radius);
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
  return {flow.sum(1),
          gather_backward(-flow.reshape_symint({-1, points.sym_size(1)}),
                          index.reshape(-1),
                          {},
                          points.sym_size(0))};
}

}  // namespace pointattn::ops
