// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/attention_layout.h"
#include "pointattn/ops/offset_attention_schema.h"

#include <cstdint>
#include <vector>

/// Offset attention on the CPU where queries and keys are one matrix, as in PCT. With a_i = |q_i|²/2
///
///   E_ij = a_i + a_j − |q_i − q_j|²/2,
///
/// so the map is a Gaussian kernel G_ij = exp(−|q_i − q_j|²/2) between factors of rows and columns: symmetric, at most
/// 1, one exponential for two entries. With w_j = exp(a_j − max a):
///
///   S = G w,  P_ij = G_ij w_j / S_i,  T = G (1/S),  U = G (V/S),
///   out_j = U_j m_j,  m_j = 1 / (1e-9 / w_j + T_j).
///
/// Backward, with g the gradient of out, β = 1/S, D_j = out_j · g_j and α = m D:
///
///   dv_i = β_i (G (m g))_i,  s_i = v_i · dv_i − β_i (G α)_i,
///   dq_i = Σ_j X_ij q_j,  X_ij = dE_ij + dE_ji = G_ij (x_i · y_j + y_i · x_j),
///   x_i = [β_i v_i, β_i, β_i s_i],  y_j = [m_j g_j, −α_j, −w_j].
///
/// So everything is a product with a symmetric matrix: a tile of it serves its rows and its columns.
namespace pointattn::ops {

/// The clouds of a batch by the form that they are computed in.
template <typename T>
struct OffsetAttentionForms {
  /// This form takes the clouds whose points are of lengths so alike that the factors w and β lose no
  /// term that counts in the exact softmax; none where `shared` is false, and none with a NaN.
  OffsetAttentionForms(const at::Tensor& q,
                       bool shared,
                       const std::vector<int64_t>& offsets,
                       const tile::Kernels<T>& kernels = tile::best_kernels<T>());

  at::Tensor half_squares;  ///< a [N]
  tile::Layout<T> symmetric;
  tile::Layout<T> general;
};

/// Forward pass of the symmetric clouds; q [N,1,D], v [N,1,C].
template <typename T>
void symmetric_forward(const OffsetAttentionForms<T>& forms,
                       const at::Tensor& q,
                       const at::Tensor& v,
                       const OffsetAttentionResult& result);

/// Their backward pass, adding to zeros; grad, v [N,1,C] and `saved` contiguous. The gradient of queries and keys together
/// goes to that of the queries.
template <typename T>
void symmetric_backward(const OffsetAttentionForms<T>& forms,
                        const at::Tensor& grad,
                        const at::Tensor& q,
                        const at::Tensor& v,
                        const OffsetAttentionResult& saved,
                        const OffsetAttentionGradients& result);

}  // namespace pointattn::ops
