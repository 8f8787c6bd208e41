// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::ops {

/// The attention of PCT's offset-attention layer (Guo et al., Computational Visual Media 2021),
/// exact, with memory linear in N: the doubly normalised map A [N,N] is never stored, neither
/// forward nor backward.
///
///   E_ij = q_i · k_j                        (no 1/√D)
///   P_ij = exp(E_ij) / Σ_j exp(E_ij)        softmax over each row
///   A_ij = P_ij / (1e-9 + Σ_i P_ij)         each column divided by its sum
///   out_j = Σ_i A_ij v_i
///
/// q, k     [N,D] float32, float64, float16 or bfloat16; PCT passes the same projection twice. Sums of
///          16 bits are float32. The CPU widens 16 bits to float32 and multiplies the values in bfloat16
///          where it gains by that (AVX512-BF16 of AMD); CUDA takes them from compute capability 8.0 on
/// v        [N,C] same dtype
/// offsets  [B+1] int64 row starts; a cloud attends to itself only, an empty cloud is allowed
///
/// Returns [N,C]. Gradients to q, k and v. With r_i = log Σ_j exp(E_ij) the map is A_ij = exp(E_ij
/// − r_i − t_j), t_j = log(1e-9 + Σ_i P_ij): a first pass over tiles of E finds r, a second one
/// finds t and out. The backward pass recomputes tiles from q, k, v, r, t and out. Memory beyond
/// inputs and outputs: O(N) + O(tile) per thread. Where q and k are the same tensor, the CPU visits
/// each pair of points once (offset_attention_symmetric.h) and keeps the tiles of small batches, 24 MiB
/// at most, from the first pass to the second. The same bits for every number of threads. Throws
/// c10::ValueError: wrong shapes or dtypes, offsets that do not fit.
at::Tensor offset_attention(const at::Tensor& q,
                            const at::Tensor& k,
                            const at::Tensor& v,
                            const at::Tensor& offsets);

}  // namespace pointattn::ops
