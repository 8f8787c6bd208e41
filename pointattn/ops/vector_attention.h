// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::ops {

/// Constant layers of vector attention, their batch norms folded in; all of one dtype. G weights serve
/// the C channels, G a divisor of C.
struct VectorAttentionWeights {
  at::Tensor position_weight, position_bias;  ///< [3,3], [3]: first layer of δ
  at::Tensor offset_weight, offset_bias;      ///< [C,3], [C]: second layer of δ
  at::Tensor scale, shift;                    ///< [C], [C]: the norm that γ begins with
  at::Tensor hidden_weight, hidden_bias;      ///< [G,C], [G]: first layer of γ
  at::Tensor logit_weight, logit_bias;        ///< [G,G], [G]: second layer of γ
};

/// Vector attention over neighbours (Zhao et al., Point Transformer, ICCV 2021, eq. 3), for inference:
///
///   δ_ij = W_o ReLU(W_p (x_j − x_i) + b_p) + b_o
///   a_ij = softmax over j of W_l ReLU(W_h ReLU(scale ∘ (k_j − q_i + δ_ij) + shift) + b_h) + b_l
///   y_i[c] = Σ_j a_ij[c mod G] (v_j[c] + δ_ij[c])
///
/// xyz [N,3], query, key, value [N,C] float32 or float64 and of one dtype (columns of one tensor are
/// taken without a copy), index int64 [N,K] rows of them; −1 is no neighbour, and a point without any
/// gets zeros. Returns [N,C]. Memory beyond inputs and output: a tile of pairs a thread, never
/// [N,K,C]. The same bits for every number of threads. No gradient: training composes the formula
/// (nn::VectorAttention). Throws c10::ValueError: shapes, dtypes, devices, an index outside −1 … N−1.
at::Tensor vector_attention(const at::Tensor& xyz,
                            const at::Tensor& query,
                            const at::Tensor& key,
                            const at::Tensor& value,
                            const at::Tensor& index,
                            const VectorAttentionWeights& weights);

}  // namespace pointattn::ops
