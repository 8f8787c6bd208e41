// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/shared_mlp.h"

namespace pointattn::nn {

/// Embedding-attention fusion (You et al., "PVNet: A joint convolutional network of point cloud and
/// multi-view for 3D shape recognition", ACM MM 2018): a vector that describes the whole cloud, of
/// its views or of a sentence about it, says how much each feature of each point counts,
///   y_i = f_i ⊙ (1 + σ(W₂ ReLU(BN(W₁ [f_i, g])) + b₂)).
/// The gate lies in (1, 2): a feature is stressed, never lost. W₁ splits into W_f f_i + W_g g, and
/// W_g g is computed once a cloud, so [f_i, g] is never stored. The hidden layer is C wide.
/// Submodules "mask" (W₁, whose columns are those of [f, g], and BN) and "gate" (W₂, b₂).
class GatedFusionImpl : public torch::nn::Cloneable<GatedFusionImpl>, public Freezable {
 public:
  /// channels  C of the points' features
  /// context   G of the cloud's vector
  GatedFusionImpl(int64_t channels, int64_t context);
  void reset() override;
  void train(bool on = true) override;
  void freeze(Precision precision) override;

  /// feat [N,C], global [B,G] of the same dtype, offsets [B+1] row starts of the clouds in feat →
  /// [N,C]. Gradients to both. Throws c10::ValueError for other shapes.
  at::Tensor forward(const at::Tensor& feat, const at::Tensor& global, const at::Tensor& offsets);

  SharedMlp mask{nullptr};
  torch::nn::Linear gate{nullptr};

 private:
  int64_t channels_;
  int64_t context_;
  FrozenLinear frozen_feat_, frozen_global_, frozen_gate_;
};
TORCH_MODULE(GatedFusion);

}  // namespace pointattn::nn
