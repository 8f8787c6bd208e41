// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace pointattn::ops {

/// Sums rows back to where gather() took them: out[n] = Σ_{r: index[r] = n} w_r grad[row(r)], r
/// ascending, without atomics.
///
/// grad    [R,C], or [R/K,C] with a weight
/// index   int64 [R], or [M,K] with a weight; −1 is left out
/// weight  [M,K] of the dtype of grad, or none: then w = 1 and row(r) = r; with it row(r) = r / K
/// rows    N
///
/// Returns [N,C]. Memory beyond input and output: O(R + N). No gradient of its own.
at::Tensor gather_backward(const at::Tensor& grad,
                           const at::Tensor& index,
                           const std::optional<at::Tensor>& weight,
                           const c10::SymInt& rows);

/// out_m = Σ_k weight[m,k] feat[index[m,k]]: gather() and the weighted sum in one, gradient to feat
/// only. feat [N,C], index int64 [M,K] (−1 counts nothing), weight [M,K] of the same dtype. Returns
/// [M,C].
at::Tensor weighted_gather(const at::Tensor& feat,
                           const at::Tensor& index,
                           const at::Tensor& weight);

}  // namespace pointattn::ops
