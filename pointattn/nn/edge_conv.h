// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/pair_mlp.h"
#include "pointattn/nn/shared_mlp.h"

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

namespace pointattn::nn {

/// The k nearest rows [N,k] of each row of feat [N,C] in its own cloud, by distance in feature
/// space, nearest first, the row itself among them: the graph of a dynamic graph network. A cloud
/// of fewer than k points repeats its nearest one, so no place is empty. No gradient.
at::Tensor feature_graph(const at::Tensor& feat, const at::Tensor& offsets, int64_t k);

/// EdgeConv (Wang et al., "Dynamic graph CNN for learning on point clouds", TOG 2019, eq. 7 and 8):
/// for each point i and its neighbours j
///   out_i = max_j MLP([f_j − f_i, f_i]),  MLP of one or two layers: Linear, batch norm,
/// LeakyReLU(0.2). In evaluation the first batch norm is folded into the product, which runs once a
/// point and always in float32: the next layer's graph is found in what comes out.
class EdgeConvImpl : public torch::nn::Cloneable<EdgeConvImpl> {
 public:
  /// `second`: channels of the second layer, 0 for none.
  EdgeConvImpl(int64_t in, int64_t out, int64_t second = 0);
  void reset() override;

  /// feat [N,C_in], index int64 [N,k] rows of feat → [N,C_out].
  at::Tensor forward(const at::Tensor& feat, const at::Tensor& index);

  SharedMlp first{nullptr};
  SharedMlp second{nullptr};

 private:
  Pairs pairs(const at::Tensor& feat, const at::Tensor& index);
  at::Tensor folded(const at::Tensor& feat, const at::Tensor& index);

  int64_t in_;
  int64_t out_;
  int64_t wide_;
};
TORCH_MODULE(EdgeConv);

}  // namespace pointattn::nn
