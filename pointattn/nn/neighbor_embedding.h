// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/pair_mlp.h"
#include "pointattn/nn/sampling.h"
#include "pointattn/nn/shared_mlp.h"

namespace pointattn::nn {

/// Neighbour embedding of PCT ("SG", sampling and grouping, Guo et al. 2021, §3.4): for each centre
/// i and its k nearest points j
///   out_i = max_j MLP([f_j − f_i, f_i]),  MLP of two LBR layers C_out wide.
/// Where PCT stops there, `relative` adds the relative position (x_j − x_i) to the input of the
/// MLP.
class NeighborEmbeddingImpl : public torch::nn::Cloneable<NeighborEmbeddingImpl>, public Freezable {
 public:
  NeighborEmbeddingImpl(int64_t in, int64_t out, int64_t neighbors, bool relative = false);
  void reset() override;
  void train(bool on = true) override;
  void freeze(Precision precision) override;

  /// feat [N,C_in] of the points of `batch`, centres taken from them → [M,C_out]. Clouds of fewer
  /// than k points use all they have.
  at::Tensor forward(const PointBatch& batch, const at::Tensor& feat, const Sampled& centres);

  SharedMlp first{nullptr};
  SharedMlp second{nullptr};

 private:
  /// The first layer's product, and its norm where that is frozen.
  Pairs pairs(const PointBatch& batch, const at::Tensor& feat, const Sampled& centres, bool frozen);

  int64_t in_;
  int64_t out_;
  int64_t neighbors_;
  bool relative_;
  FrozenLinear frozen_near_, frozen_centre_, frozen_relative_;
};
TORCH_MODULE(NeighborEmbedding);

}  // namespace pointattn::nn
