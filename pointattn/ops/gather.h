// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::ops {

/// Rows of `feat` by index: feat [N,C] (any floating dtype), index int64 [M] or [M,K] → [M,C] or
/// [M,K,C] ("group"). Index −1 gives a row of zeros and passes no gradient. Gradient to `feat` is
/// summed in ascending order of (M,K), so it is the same for every number of threads. Throws
/// c10::ValueError for an index outside −1 … N−1.
at::Tensor gather(const at::Tensor& feat, const at::Tensor& index);

}  // namespace pointattn::ops
