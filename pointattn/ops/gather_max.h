// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::ops {

/// Largest value of each channel over rows of `feat`: out_mc = max_k feat[index_mk, c], without the
/// [M,K,C] tensor of a gather. feat [N,C] float32 or float64, index int64 [M,K] with K ≥ 1 and
/// entries 0 … N−1 (no padding) → [M,C]. Gradient to `feat`: all of it to the first of equal maxima
/// in the order of K, summed in ascending order of M. Throws c10::ValueError: wrong shapes, an
/// index out of range. Memory beyond input and output: O(M·C) row numbers when a gradient is
/// needed.
at::Tensor gather_max(const at::Tensor& feat, const at::Tensor& index);

}  // namespace pointattn::ops
