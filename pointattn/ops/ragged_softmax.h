// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::ops {

/// Softmax over the rows of each cloud, every column on its own: logits [N,R] float32 or float64,
/// offsets [B+1] int64 row starts (any device) → A [N,R] with
///
///   A_nr = exp(l_nr) / Σ_m exp(l_mr)      m over the rows of the cloud of n
///
/// so that each column of a cloud that has rows sums to 1. Not padded: rows of other clouds have no
/// part in it, to the last bit. A logit of −infinity gives 0; a column of nothing else gives NaN.
/// Gradient to `logits`. The same bits for every number of threads. Throws c10::ValueError: shapes,
/// dtypes, offsets that do not fit.
at::Tensor ragged_softmax(const at::Tensor& logits, const at::Tensor& offsets);

}  // namespace pointattn::ops
