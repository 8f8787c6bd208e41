// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

/// What the backends of offset_attention share: the operators behind the public one are
///   _offset_attention_forward(q, k, v, offsets) -> (out, row_max, row_scale, column_scale)
///   _offset_attention_backward(grad, q, k, v, out, row_max, row_scale, column_scale, offsets,
///   shared) -> (grad_q, grad_k, grad_v)
/// where `shared` says that q and k are one tensor: grad_q is then the sum of both gradients and
/// grad_k undefined. A_ij = exp(E_ij − row_max_i) row_scale_i column_scale_j. In the notation of the public
/// header r = row_max − log row_scale and t = −log column_scale: the factors are kept apart because
/// a score of 1e4 leaves a float r no bits for its logarithm.
namespace pointattn::ops {

inline constexpr double kColumnEpsilon = 1e-9;

using OffsetAttentionResult = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;
using OffsetAttentionGradients = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

/// Whether q and k, of one shape, are the same numbers in the same places.
inline bool is_one_matrix(const at::Tensor& q, const at::Tensor& k) {
  return q.const_data_ptr() == k.const_data_ptr() && q.strides() == k.strides();
}

/// Throws c10::ValueError unless q, k [N,D] and v [N,C] share one floating dtype and device.
void check_offset_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

/// The same for the backward pass: `grad` must look like v, `saved` like what the forward pass
/// returned for q and v.
void check_offset_attention_backward(const at::Tensor& grad,
                                     const at::Tensor& q,
                                     const at::Tensor& k,
                                     const at::Tensor& v,
                                     const OffsetAttentionResult& saved);

/// Uninitialised results: out [N,C] and three [N].
OffsetAttentionResult empty_offset_attention_result(const at::Tensor& q, const at::Tensor& v);

/// OffsetAttentionGradients filled with zeros, contiguous: [N,D], [N,D], [N,C]; none of an undefined k.
OffsetAttentionGradients zero_offset_attention_gradients(const at::Tensor& q,
                                                         const at::Tensor& k,
                                                         const at::Tensor& v);

/// The gradients where q and k are one tensor: what k got is added to what q got.
OffsetAttentionGradients sum_of_shared(const OffsetAttentionGradients& gradients);

}  // namespace pointattn::ops
