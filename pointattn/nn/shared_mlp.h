// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/frozen_linear.h"

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

namespace pointattn::nn {

/// What batch norms add to the variance.
inline constexpr double kNormEpsilon = 1e-5;

/// Batch normalisation over the rows of [N,C] (Ioffe and Szegedy 2015), then an activation. The
/// rows are the points of the whole batch, so a cloud's length weighs in. Training needs at least
/// two rows. Parameters "weight", "bias"; buffers "running_mean", "running_var". (torch's own
/// BatchNorm1d takes a path for [N,C] on the CPU that is half as fast.)
class RowNormImpl : public torch::nn::Cloneable<RowNormImpl> {
 public:
  explicit RowNormImpl(int64_t channels, Activation activation = Activation::kReLU);
  void reset() override;
  at::Tensor forward(const at::Tensor& rows);

  Activation activation() const { return activation_; }
  /// What forward() does in training besides its result, for layers that fuse the norm: moves the
  /// running statistics towards the mean and biased variance [C] of so many rows.
  void record(const at::Tensor& mean, const at::Tensor& var, int64_t rows);

  at::Tensor weight, bias, running_mean, running_var;

 private:
  int64_t channels_;
  Activation activation_;
};
TORCH_MODULE(RowNorm);

/// Batch norm with its running statistics is y ↦ scale y + shift; both [C].
struct FixedNorm {
  at::Tensor scale, shift;
};
FixedNorm fixed_norm(const RowNormImpl& norm);

/// Shared MLP layer "LBR": Linear, batch norm, activation over the last dimension of [...,C_in] →
/// [...,C_out]. Submodules "linear", "norm".
class SharedMlpImpl : public torch::nn::Cloneable<SharedMlpImpl>, public Freezable {
 public:
  SharedMlpImpl(int64_t in,
                int64_t out,
                bool bias = false,
                Activation activation = Activation::kReLU);
  void reset() override;
  void train(bool on = true) override;
  /// One product, with the norm folded into its weights.
  void freeze(Precision precision) override;
  at::Tensor forward(const at::Tensor& rows);

  torch::nn::Linear linear{nullptr};
  RowNorm norm{nullptr};

 private:
  int64_t in_;
  int64_t out_;
  bool bias_;
  Activation activation_;
  FrozenLinear frozen_;
};
TORCH_MODULE(SharedMlp);

}  // namespace pointattn::nn
