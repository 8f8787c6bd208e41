// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

/// What the backends of attention share: the operators behind the public one are
///   _attention_forward(q, k, v, query_offsets, key_offsets, bias, scale) -> (out, row_max, row_scale)
///   _attention_backward(grad, q, k, v, query_offsets, key_offsets, bias, scale, out, row_max,
///   row_scale) -> (grad_q, grad_k, grad_v, grad_bias)
/// with P_ij = exp(E_ij − row_max_i) row_scale_i, each [H,M]; row_scale is 0 for a row without keys.
/// grad_bias is [0,H] without a bias.
namespace pointattn::ops {

/// The arguments of the public operator.
struct AttentionInputs {
  const at::Tensor& q;
  const at::Tensor& k;
  const at::Tensor& v;
  const at::Tensor& query_offsets;
  const at::Tensor& key_offsets;
  const std::optional<at::Tensor>& bias;
  double scale;

  int64_t heads() const { return q.size(1); }
};

using AttentionResult = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using AttentionGradients = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

/// Row starts of the clouds, on the CPU.
struct AttentionOffsets {
  std::vector<int64_t> queries, keys;
};

/// Throws c10::ValueError unless the shapes, dtypes and devices are those of the public header.
void check_attention(const AttentionInputs& inputs);

/// The same for the backward pass: `grad` must look like out, `saved` like what the forward pass
/// returned.
void check_attention_backward(const at::Tensor& grad,
                              const AttentionInputs& inputs,
                              const AttentionResult& saved);

/// Throws c10::ValueError unless the offsets fit the checked inputs.
AttentionOffsets checked_attention_offsets(const AttentionInputs& inputs);

/// Uninitialised results of the forward pass.
AttentionResult empty_attention_result(const AttentionInputs& inputs);

/// Gradients filled with zeros, contiguous.
AttentionGradients zero_attention_gradients(const AttentionInputs& inputs);

}  // namespace pointattn::ops
