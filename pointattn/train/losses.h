// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::train {

/// Mean cross-entropy of scores [N,K] against classes int64 [N] with label smoothing (Szegedy et
/// al. 2016): the truth gets 1 − s + s/K, every other class s/K. Rows whose class is −1 do not
/// count. Gradient to `scores`.
at::Tensor smoothed_cross_entropy(const at::Tensor& scores,
                                  const at::Tensor& truth,
                                  double smoothing);

}  // namespace pointattn::train
