// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace pointattn::ops {

/// Features of `points` carried to `query` by inverse squared distance over the k nearest points
/// (PointNet++, Qi et al. 2017, eq. 2): out_i = Σ_j w_ij f_j / Σ_j w_ij,  w_ij = 1 / (‖x_i − x_j‖²
/// + 1e-8). A query that coincides with points takes (up to that 1e-8) their features.
///
/// query [M,3], points [N,3] (float32 or float64), feat [N,C] of the same dtype, offsets as in
/// knn(). A cloud of fewer than k points uses all of them; a cloud with queries but no point throws
/// c10::ValueError, as do wrong shapes, NaN and infinity. Returns [M,C]. Gradients flow to `feat`
/// only: the coordinates are treated as constants. Memory beyond input and output: O(M·k).
at::Tensor interpolate(const at::Tensor& query,
                       const at::Tensor& points,
                       const at::Tensor& feat,
                       const at::Tensor& query_offsets,
                       const at::Tensor& point_offsets,
                       int64_t k = 3);

}  // namespace pointattn::ops
