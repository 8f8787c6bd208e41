// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/knn.h"

namespace pointattn::ops {

/// Up to K points of the same cloud within `radius` (≤, in the unit of the coordinates) of each
/// query: the nearest K of them, nearest first, ties by lower index. Places that stay empty hold
/// index −1 and distance +infinity. Tensors, offsets, gradients and errors as in knn(), but k may
/// exceed N; radius must be ≥ 0 and may be infinite.
Neighbors ball_query(const at::Tensor& query,
                     const at::Tensor& points,
                     const at::Tensor& query_offsets,
                     const at::Tensor& point_offsets,
                     double radius,
                     int64_t k);

}  // namespace pointattn::ops
