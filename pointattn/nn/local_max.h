// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/shared_mlp.h"

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

/// Local layers whose Linear runs once a point, before the neighbours are gathered: with W [f_j,
/// x_j] − W [f_i, x_i] in place of W [f_j − f_i, x_j − x_i] the maximum over neighbours costs K
/// additions a channel instead of K products (after Chen et al., DeLA, 2023).
namespace pointattn::nn {

/// Residual local aggregation, C → C over the same points:
///   u = W [f, x];  f ← f + BN(max_j u_j − u_i);  f ← f + BN(W₂ ReLU(BN(W₁ f))), W₁: C → 2C, W₂: 2C → C.
/// The last two norms start at 0.5, so that a stack of blocks starts near the identity.
class LocalResidualImpl : public torch::nn::Cloneable<LocalResidualImpl> {
 public:
  explicit LocalResidualImpl(int64_t channels);
  void reset() override;
  /// feat [N,C], xyz [N,3] in units of the neighbourhood's size, index [N,K] rows of feat → [N,C].
  at::Tensor forward(const at::Tensor& feat, const at::Tensor& xyz, const at::Tensor& index);

 private:
  int64_t channels_;
  torch::nn::Linear local_{nullptr};
  RowNorm local_norm_{nullptr};
  SharedMlp expand_{nullptr}, contract_{nullptr};
};
TORCH_MODULE(LocalResidual);

/// Local aggregation from many points to few: ReLU(BN(max_j (W_f f_j + W_x x_j) − W_x x_i)).
class LocalDownImpl : public torch::nn::Cloneable<LocalDownImpl> {
 public:
  LocalDownImpl(int64_t in, int64_t out);
  void reset() override;
  /// feat [N,C_in] and xyz [N,3] of the points, centre [M,3] of the fewer, index [M,K] rows of feat
  /// → [M,C_out].
  at::Tensor forward(const at::Tensor& feat,
                     const at::Tensor& xyz,
                     const at::Tensor& centre,
                     const at::Tensor& index);

 private:
  int64_t in_, out_;
  torch::nn::Linear feat_{nullptr}, position_{nullptr};
  RowNorm norm_{nullptr};
};
TORCH_MODULE(LocalDown);

}  // namespace pointattn::nn
