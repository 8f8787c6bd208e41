// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/knn.h"

#include <ATen/core/Tensor.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace pointattn::ops {

/// Points of a batch of clouds after their checks.
struct CloudRows {
  at::Tensor xyz;                ///< [·,3], in knn() [·,D]; contiguous
  std::vector<int64_t> offsets;  ///< [B+1]

  int64_t clouds() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

/// Inputs of a neighbour search after their checks.
struct SearchInputs {
  CloudRows query;
  CloudRows points;
};

/// What knn() and ball_query() ask of points, of queries that search them, and of k ≥ 1; each throws
/// c10::ValueError. Points have `dims` coordinates, any number ≥ 1 where it is 0.
CloudRows check_points(const char* operation,
                       const at::Tensor& points,
                       const at::Tensor& offsets,
                       int64_t dims = 3);
CloudRows check_queries(const char* operation,
                        const at::Tensor& query,
                        const at::Tensor& offsets,
                        const CloudRows& points);
void check_k(const char* operation, int64_t k);
SearchInputs check_search(const char* operation,
                          const at::Tensor& query,
                          const at::Tensor& points,
                          const at::Tensor& query_offsets,
                          const at::Tensor& point_offsets,
                          int64_t k,
                          int64_t dims = 3);

/// Throws unless every cloud with queries has at least k points.
void check_enough_points(const char* operation,
                         const CloudRows& query,
                         const CloudRows& points,
                         int64_t k);

/// Throws unless radius ≥ 0; returns its square.
double checked_sq_radius(const char* operation, double radius);

/// Largest value of T that is not above `limit`: comparing with it equals comparing with the
/// double.
template <typename T>
T round_down(double limit) {
  const T rounded = static_cast<T>(limit);
  return static_cast<double>(rounded) > limit ? std::nextafter(rounded, T(0)) : rounded;
}

/// Gradients of squared distances [M,K] to query and points. Places with index −1 pass none.
std::vector<at::Tensor> sq_dist_gradients(const at::Tensor& grad,
                                          const at::Tensor& query,
                                          const at::Tensor& points,
                                          const at::Tensor& index);

/// The search itself on the CPU: neighbours with squared distance ≤ sq_limit, empty places padded.
Neighbors search_cpu(const SearchInputs& inputs, double sq_limit, int64_t k);

/// The same on the GPU.
Neighbors search_cuda(const SearchInputs& inputs, double sq_limit, int64_t k);

}  // namespace pointattn::ops
