// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/ball_groups.h"
#include "pointattn/nn/shared_mlp.h"

namespace pointattn::nn {

/// Relation-shape convolution (Liu et al., "Relation-Shape Convolutional Neural Network for Point
/// Cloud Analysis", CVPR 2019, §3): a neighbour's features are weighted by what a shared map makes
/// of its position,
///   f_i' = ReLU(BN(R max_j ReLU(BN(M(h_ij) ⊙ g_ij)))),   M(h) = W₂ ReLU(BN(W₁ h)),
/// over the neighbours j of centre i, itself among them, with the ten numbers
///   h_ij = (‖x_j − x_i‖, x_i, x_j, x_j − x_i)
/// and g_ij = [x_j − x_i, f_j]. A first layer has no features: there
/// g_ij = ReLU(BN(W (x_j − x_i))), 16 channels. With several scales their outputs stand side by
/// side; W, W₁, W₂ and R are shared by all scales, the norms are not. Every Linear has a bias. M is
/// C_out/2 wide in a first layer, else C_out/4.
///
/// The paper's relation vector, with absolute positions: public code subtracts the centre in place
/// from what it then takes as positions too, so that by its text x_i is zero there. Neighbours as in
/// ball_groups(). Where nothing is recorded for gradients the norm's scale sits in W₂ and its shift,
/// which no maximum feels, is added once a centre.
class RelationShapeImpl : public torch::nn::Cloneable<RelationShapeImpl>, public Freezable {
 public:
  /// in  channels of the features, 0 for a first layer
  RelationShapeImpl(int64_t in, int64_t out, std::vector<BallScale> scales);
  void reset() override;
  void train(bool on = true) override;
  void freeze(Precision precision) override;

  /// feat [N,C_in] of the points of `batch` (undefined in a first layer), centres taken from them →
  /// [M,C_out · scales]. Gradients to feat and the coordinates. Throws c10::ValueError: shapes that
  /// do not fit.
  at::Tensor forward(const PointBatch& batch, const at::Tensor& feat, const Sampled& centres);

  /// Norms of one scale; submodules "mapping_norm0", … by the scale's number. As in the published
  /// network every layer has a raise_xyz norm, though only a first one uses it.
  struct Norms {
    RowNorm mapping{nullptr}, product{nullptr}, raise_xyz{nullptr}, raise{nullptr};
  };

  torch::nn::Linear mapping1{nullptr}, mapping2{nullptr}, raise_xyz{nullptr}, raise{nullptr};
  std::vector<Norms> norms;

 private:
  /// The relations [P,10] and relative positions [P,3] of the pairs of a scale.
  struct Pairs;
  struct Frozen {
    FrozenLinear mapping1, mapping2, raise_xyz, raise;
    at::Tensor shift;
  };
  at::Tensor convolve(Norms& norms,
                      const BallGroups& groups,
                      const Pairs& pairs,
                      const at::Tensor& feat);
  at::Tensor infer(const Frozen& frozen,
                   const BallGroups& groups,
                   const Pairs& pairs,
                   const at::Tensor& feat);
  bool is_first() const { return in_ == 0; }

  int64_t in_;
  int64_t out_;
  std::vector<BallScale> scales_;
  std::vector<Frozen> frozen_;
};
TORCH_MODULE(RelationShape);

/// The start of RS-CNN: in every Linear of `module` Kaiming-normal weights (He et al., ICCV 2015)
/// and zero biases.
void kaiming_start(torch::nn::Module& module);

}  // namespace pointattn::nn
