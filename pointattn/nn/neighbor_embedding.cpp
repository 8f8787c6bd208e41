// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/neighbor_embedding.h"

#include "pointattn/nn/project.h"

#include <ATen/ATen.h>

namespace pointattn::nn {
namespace {

/// The first layer is linear, so W [f_j − f_i, f_i, x_j − x_i] splits into a term of the neighbour
/// and one of the centre. Both are computed once a point, not once a pair: k times fewer
/// multiply-adds and no [M,k,2C] tensor.
struct Split {
  at::Tensor near, centre, relative;
};

Split split(const at::Tensor& weight, int64_t in, bool relative) {
  const at::Tensor near = weight.narrow(1, 0, in);
  return {
      near, weight.narrow(1, in, in) - near, relative ? weight.narrow(1, 2 * in, 3) : at::Tensor()};
}

}  // namespace

NeighborEmbeddingImpl::NeighborEmbeddingImpl(int64_t in,
                                             int64_t out,
                                             int64_t neighbors,
                                             bool relative)
    : in_(in), out_(out), neighbors_(neighbors), relative_(relative) {
  TORCH_CHECK_VALUE(neighbors > 0, "NeighborEmbedding: expected neighbors > 0, got ", neighbors);
  reset();
}

void NeighborEmbeddingImpl::reset() {
  first = register_module("first", SharedMlp(2 * in_ + (relative_ ? 3 : 0), out_));
  second = register_module("second", SharedMlp(out_, out_));
  frozen_near_ = {};
}

void NeighborEmbeddingImpl::train(bool on) {
  Module::train(on);
  frozen_near_ = {};
}

void NeighborEmbeddingImpl::freeze(Precision precision) {
  const at::NoGradGuard no_grad;
  const auto [scale, shift] = fixed_norm(*first->norm);
  const Split weight = split(first->linear->weight * scale.unsqueeze(1), in_, relative_);
  frozen_near_ = FrozenLinear(weight.near, {}, Activation::kNone, precision);
  frozen_centre_ = FrozenLinear(weight.centre, shift, Activation::kNone, precision);
  if (relative_) frozen_relative_ = FrozenLinear(weight.relative, {}, Activation::kNone, precision);
}

Pairs NeighborEmbeddingImpl::pairs(const PointBatch& batch,
                                   const at::Tensor& feat,
                                   const Sampled& centres,
                                   bool frozen) {
  const Split weight = frozen ? Split{} : split(first->linear->weight, in_, relative_);
  const auto apply = [&](const FrozenLinear& packed, const at::Tensor& plain, const at::Tensor& x) {
    return frozen ? packed(x) : project(x, plain);
  };
  at::Tensor near = apply(frozen_near_, weight.near, feat);  // [N,C_out]
  at::Tensor centre =
      apply(frozen_centre_, weight.centre, feat.index_select(0, centres.index));  // [M,C_out]
  if (relative_) {
    near = near + apply(frozen_relative_, weight.relative, batch.xyz);
    centre = centre - apply(frozen_relative_, weight.relative, centres.batch.xyz);
  }
  return {near, centre, nearest(centres.batch, batch, neighbors_)};
}

at::Tensor NeighborEmbeddingImpl::forward(const PointBatch& batch,
                                          const at::Tensor& feat,
                                          const Sampled& centres) {
  const bool frozen = frozen_near_ && !at::GradMode::is_enabled();
  const Pairs all = pairs(batch, feat, centres, frozen);
  return frozen ? folded_pair_mlp_max(all, first->norm->activation(), second)
                : pair_mlp_max(all, first->norm, second);
}

}  // namespace pointattn::nn
