// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/shared_mlp.h"
#include "pointattn/ops/vector_attention.h"

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

namespace pointattn::nn {

/// Vector attention over the neighbours of each point (Zhao et al., Point Transformer, ICCV 2021,
/// eq. 3), C → C over the same points, with the formula of ops::vector_attention:
///
///   δ_ij = "position_out" ReLU(BN("position_in" (x_j − x_i)))
///   γ(r) = "logits" ReLU(BN("hidden" ReLU(BN(r)))), C → C/share → C/share
///   y_i = Σ_j softmax_j(γ(k_j − q_i + δ_ij)) ∘ (v_j + δ_ij)
///
/// where weight g serves the channels c ≡ g mod C/share. Batch norms run over the pairs that exist.
/// Frozen and without gradient one fused operator computes it, in memory that does not grow with K.
class VectorAttentionImpl : public torch::nn::Cloneable<VectorAttentionImpl>, public Freezable {
 public:
  /// `share` channels use one weight; it divides `channels`.
  explicit VectorAttentionImpl(int64_t channels, int64_t share = 8);
  void reset() override;
  void train(bool on = true) override;
  void freeze(Precision precision) override;
  /// feat [N,C], xyz [N,3], index [N,K] rows of both or −1 for none; every point needs a neighbour
  /// (itself counts) → [N,C]. Gradients to all but the index.
  at::Tensor forward(const at::Tensor& feat, const at::Tensor& xyz, const at::Tensor& index);

  torch::nn::Linear linear_q{nullptr}, linear_k{nullptr}, linear_v{nullptr};
  SharedMlp position_in{nullptr};
  torch::nn::Linear position_out{nullptr};
  RowNorm relation_norm{nullptr};
  SharedMlp hidden{nullptr};
  torch::nn::Linear logits{nullptr};

 private:
  at::Tensor infer(const at::Tensor& feat, const at::Tensor& xyz, const at::Tensor& index) const;

  int64_t channels_, share_;
  FrozenLinear frozen_projections_;
  ops::VectorAttentionWeights frozen_;
};
TORCH_MODULE(VectorAttention);

/// Residual block around it: ReLU(f + BN("linear3" ReLU(BN(attention(ReLU(BN("linear1" f))))))).
class VectorAttentionBlockImpl : public torch::nn::Cloneable<VectorAttentionBlockImpl> {
 public:
  explicit VectorAttentionBlockImpl(int64_t channels);
  void reset() override;
  /// As VectorAttention.
  at::Tensor forward(const at::Tensor& feat, const at::Tensor& xyz, const at::Tensor& index);

 private:
  int64_t channels_;
  SharedMlp linear1_{nullptr};
  VectorAttention attention_{nullptr};
  RowNorm norm2_{nullptr};
  SharedMlp linear3_{nullptr};
};
TORCH_MODULE(VectorAttentionBlock);

}  // namespace pointattn::nn
