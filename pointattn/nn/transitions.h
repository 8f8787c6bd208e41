// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/point_batch.h"
#include "pointattn/nn/shared_mlp.h"

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

/// The ways between the levels of Point Transformer's U (Zhao et al., ICCV 2021, section 3.4).
namespace pointattn::nn {

/// From many points to few: max_j ReLU(BN(W [x_j − x_i, f_j])) over the neighbours j of each of the
/// fewer points i. The product runs once a point, before the neighbours are gathered.
class TransitionDownImpl : public torch::nn::Cloneable<TransitionDownImpl>, public Freezable {
 public:
  TransitionDownImpl(int64_t in, int64_t out);
  void reset() override;
  void train(bool on = true) override;
  void freeze(Precision precision) override;
  /// feat [N,C_in] and xyz [N,3] of the points, centre [M,3] of the fewer, index [M,K] rows of feat
  /// → [M,C_out].
  at::Tensor forward(const at::Tensor& feat,
                     const at::Tensor& xyz,
                     const at::Tensor& centre,
                     const at::Tensor& index);

 private:
  int64_t in_, out_;
  torch::nn::Linear linear_{nullptr};  // 3 coordinates, then the features
  RowNorm norm_{nullptr};
  FrozenLinear frozen_;
  at::Tensor frozen_position_, frozen_shift_;
};
TORCH_MODULE(TransitionDown);

/// From few points to many: ReLU(BN(W₁ own)) + the mean of ReLU(BN(W₂ f_j)) over the three nearest of
/// the few, by inverse distance.
class TransitionUpImpl : public torch::nn::Cloneable<TransitionUpImpl> {
 public:
  TransitionUpImpl(int64_t in, int64_t out);
  void reset() override;
  /// own [N,C_out] of `points`, feat [M,C_in] of `fewer` → [N,C_out]. Every cloud needs one of the
  /// fewer points.
  at::Tensor forward(const at::Tensor& own,
                     const PointBatch& points,
                     const at::Tensor& feat,
                     const PointBatch& fewer);

 private:
  int64_t in_, out_;
  SharedMlp linear1_{nullptr}, linear2_{nullptr};
};
TORCH_MODULE(TransitionUp);

/// The turn at the lowest level: ReLU(BN(W₁ [f, g])) with g = ReLU(W₂ mean of the cloud) + W_c one_hot
/// repeated
/// for its points.
class TransitionTurnImpl : public torch::nn::Cloneable<TransitionTurnImpl> {
 public:
  TransitionTurnImpl(int64_t channels, int64_t categories);
  void reset() override;
  /// feat [N,C], one_hot [B,categories], zeros for an unknown category, offsets [B+1] → [N,C].
  at::Tensor forward(const at::Tensor& feat, const at::Tensor& one_hot, const at::Tensor& offsets);

 private:
  int64_t channels_, categories_;
  SharedMlp linear1_{nullptr};
  torch::nn::Linear linear2_{nullptr}, category_{nullptr};
};
TORCH_MODULE(TransitionTurn);

/// Features of `points` carried to `query` as the mean over the k nearest, weighted by 1 / (distance +
/// 1e-8): [M,C] → [N,C]. (ops::interpolate weighs by the square.) Gradient to feat.
at::Tensor interpolate_by_distance(const PointBatch& query,
                                   const PointBatch& points,
                                   const at::Tensor& feat,
                                   int64_t k = 3);

}  // namespace pointattn::nn
