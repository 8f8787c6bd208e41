// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace pointattn::ops {

/// Scaled dot-product attention (Vaswani et al. 2017) between the clouds of two ragged batches,
/// exact, with memory linear in M + N: the map P [M,N] is never stored, neither forward nor
/// backward.
///
///   E_ij = scale q_i · k_j + bias_j         for i in cloud b of the queries, j in cloud b of the keys
///   P_ij = exp(E_ij) / Σ_j exp(E_ij)        softmax over each row
///   out_i = Σ_j P_ij v_j                    each head on its own
///
/// q              [M,H,D] float32, float64, float16 or bfloat16, any strides. 16 bits as in
///                offset_attention()
/// k              [N,H,D] same dtype and device
/// v              [N,H,C] same; C may differ from D
/// query_offsets  [B+1] int64 row starts of the clouds in q
/// key_offsets    [B+1] int64 row starts of the clouds in k and v; empty clouds are allowed
/// bias           [N,H] same dtype, or none: added to the scores of a key; −infinity masks it
/// scale          of the scores, usually 1/√D
///
/// Returns [M,H,C] contiguous; zeros for a query whose cloud has no key or masked keys alone.
/// Gradients to q, k, v and bias, first derivatives only. The sums of a row stream with a running
/// maximum (Milakov and Gimelshein 2018; Dao et al. 2022); the backward pass recomputes the map
/// from the maximum and the sum of each row. Memory beyond inputs and outputs: O(M + N) + O(tile)
/// per thread. The same bits for every number of threads. Throws c10::ValueError: wrong shapes or
/// dtypes, offsets that do not fit.
at::Tensor attention(const at::Tensor& q,
                     const at::Tensor& k,
                     const at::Tensor& v,
                     const at::Tensor& query_offsets,
                     const at::Tensor& key_offsets,
                     const std::optional<at::Tensor>& bias,
                     double scale);

}  // namespace pointattn::ops
