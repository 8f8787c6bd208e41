// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

namespace pointattn::nn {

/// Rows gathered into a few weighted means of each cloud.
struct Attended {
  at::Tensor attention;  ///< [N,R] weight of each row in each mean; columns of a cloud sum to 1
  at::Tensor pooled;     ///< [B,R,C] the means
};

/// Structured self-attention (Lin et al., "A structured self-attentive sentence embedding", ICLR
/// 2017, eq. 6 and 7) over a ragged batch: words of sentences or points of clouds,
///
///   A = softmax over the rows of each cloud (tanh(F W_1ᵀ) W_2ᵀ + bias),   M = Aᵀ F
///
/// rows F [N,C], offsets [B+1], bias [N,R] or undefined. W_1 [hidden,C] and W_2 [hops,hidden] have
/// no bias of their own, as in the paper. Nothing is padded, so neighbours in a batch change
/// nothing. Submodules "first", "second".
class StructuredAttentionImpl : public torch::nn::Cloneable<StructuredAttentionImpl> {
 public:
  StructuredAttentionImpl(int64_t in, int64_t hidden, int64_t hops);
  void reset() override;
  Attended forward(const at::Tensor& rows, const at::Tensor& offsets, const at::Tensor& bias = {});

  torch::nn::Linear first{nullptr}, second{nullptr};

 private:
  int64_t in_, hidden_, hops_;
};
TORCH_MODULE(StructuredAttention);

/// Each row's equal share of its cloud, [N,1]: the attention of a plain mean.
at::Tensor equal_shares(const at::Tensor& offsets, const at::TensorOptions& options);

/// How much the means of each cloud look at the same rows (eq. 8): ‖AᵀA − I‖²_F, attention [N,R],
/// offsets [B+1] → [B]. Its gradient is 4 A (AᵀA − I). Zero when each mean takes one row of its own.
at::Tensor overlap_penalty(const at::Tensor& attention, const at::Tensor& offsets);

}  // namespace pointattn::nn
