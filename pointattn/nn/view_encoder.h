// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/frozen_linear.h"
#include "pointattn/nn/shared_mlp.h"

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

#include <vector>

namespace pointattn::nn {

/// 3×3 convolution with stride 2, batch norm, ReLU: [M,C_in,S,S] → [M,C_out,S/2,S/2]. Submodules
/// "conv", "norm".
class ConvDownImpl : public torch::nn::Cloneable<ConvDownImpl>, public Freezable {
 public:
  ConvDownImpl(int64_t in, int64_t out);
  void reset() override;
  void train(bool on = true) override;
  /// One convolution with the norm folded into its weights, in float32 at any precision: it is a
  /// small share of the network that it feeds.
  void freeze(Precision precision) override;
  at::Tensor forward(const at::Tensor& images);

  torch::nn::Conv2d conv{nullptr};
  RowNorm norm{nullptr};

 private:
  int64_t in_;
  int64_t out_;
  at::Tensor frozen_weight_, frozen_bias_;
};
TORCH_MODULE(ConvDown);

/// Feature of a set of pictures of one thing, after MVCNN (Su et al., "Multi-view convolutional
/// neural networks for 3D shape recognition", ICCV 2015): the same convolutions over every view, the
/// maximum over the views, then a layer over what is left. The order of the views does not matter.
///
/// The published networks take AlexNet there, 61 million parameters that come from photographs of
/// ImageNet; without those weights it learns nothing from a few thousand clouds, and a CPU does not
/// train it. This one has four convolutions of 16, 32, 64 and 128 channels, each halving the
/// picture, and a layer to C features.
class ViewEncoderImpl : public torch::nn::Cloneable<ViewEncoderImpl> {
 public:
  /// size: pixels along an edge, a multiple of 16.
  ViewEncoderImpl(int64_t channels, int64_t size);
  void reset() override;

  /// depth float32 [B,V,S,S] as of ops::render_views(), V ≥ 1 → [B,C]. Throws c10::ValueError for
  /// another shape.
  at::Tensor forward(const at::Tensor& depth);

  std::vector<ConvDown> stages;
  SharedMlp fuse{nullptr};

 private:
  int64_t channels_;
  int64_t size_;
};
TORCH_MODULE(ViewEncoder);

}  // namespace pointattn::nn
