// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/ball_groups.h"
#include "pointattn/nn/shared_mlp.h"

/// The layers that gather points into fewer of PointNet++ (Qi et al., "PointNet++: Deep Hierarchical
/// Feature Learning on Point Sets in a Metric Space", NeurIPS 2017, §3.2).
namespace pointattn::nn {

/// Set abstraction, one scale: out_i = max_j MLP([x_j − x_i, f_j]) over the points j in the ball
/// around centre i, an MLP of Linear with bias, BN, ReLU. Its first Linear runs once a point and
/// once a centre, not once a pair. Neighbours as in ball_groups(). Submodules "0", "1", ….
class SetAbstractionImpl : public torch::nn::Cloneable<SetAbstractionImpl>, public Freezable {
 public:
  /// in  channels of the features, 0 for coordinates alone; widths of the MLP's layers
  SetAbstractionImpl(int64_t in, std::vector<int64_t> widths, BallScale scale);
  void reset() override;
  void train(bool on = true) override;
  void freeze(Precision precision) override;

  /// feat [N,C_in] of the points of `batch` (undefined without features), centres taken from them →
  /// [M,widths.back()]. Gradients to feat and the coordinates. Throws c10::ValueError: shapes that
  /// do not fit.
  at::Tensor forward(const PointBatch& batch, const at::Tensor& feat, const Sampled& centres);

 private:
  at::Tensor first_layer(const PointBatch& batch,
                         const at::Tensor& feat,
                         const Sampled& centres,
                         const BallGroups& groups);

  int64_t in_;
  std::vector<int64_t> widths_;
  BallScale scale_;
  std::vector<SharedMlp> layers_;
  FrozenLinear frozen_near_, frozen_centre_;
};
TORCH_MODULE(SetAbstraction);

/// Set abstraction of whole clouds: max_j MLP([x_j, f_j]) over all points of a cloud, with Linear,
/// BN, ReLU as above. Submodules "0", "1", ….
class CloudAbstractionImpl : public torch::nn::Cloneable<CloudAbstractionImpl> {
 public:
  CloudAbstractionImpl(int64_t in, std::vector<int64_t> widths);
  void reset() override;
  /// feat [N,C_in] of the points of `batch` → [B,widths.back()]. Every cloud needs a point.
  at::Tensor forward(const PointBatch& batch, const at::Tensor& feat);

 private:
  int64_t in_;
  std::vector<int64_t> widths_;
  std::vector<SharedMlp> layers_;
};
TORCH_MODULE(CloudAbstraction);

}  // namespace pointattn::nn
