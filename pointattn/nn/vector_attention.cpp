// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/vector_attention.h"

#include "pointattn/nn/project.h"
#include "pointattn/ops/gather.h"

#include <ATen/ATen.h>

#include <limits>

namespace pointattn::nn {
namespace {

at::Tensor product(const torch::nn::Linear& layer, const at::Tensor& rows) {
  return project(rows, layer->weight, layer->bias);
}

/// The E pairs (point, neighbour) of an index [N,K], without its empty places.
class Pairs {
 public:
  explicit Pairs(const at::Tensor& index) : points_(index.size(0)), k_(index.size(1)) {
    near_ = index.reshape(-1);
    const at::Tensor taken = near_.ge(0).nonzero().squeeze(1);
    if (taken.size(0) == near_.size(0)) return;
    places_ = taken;
    near_ = near_.index_select(0, taken);
  }

  /// Rows [N,C] of the neighbours: [E,C].
  at::Tensor neighbors(const at::Tensor& rows) const { return ops::gather(rows, near_); }
  /// Rows [N,C] of the points themselves: [E,C].
  at::Tensor centres(const at::Tensor& rows) const {
    const at::Tensor all =
        rows.unsqueeze(1).expand({points_, k_, rows.size(1)}).reshape({-1, rows.size(1)});
    return places_.defined() ? all.index_select(0, places_) : all;
  }
  /// [E,C] → [N,K,C], `fill` in the empty places.
  at::Tensor spread(const at::Tensor& pairs, double fill) const {
    const at::Tensor all = places_.defined()
                               ? at::full({points_ * k_, pairs.size(1)}, fill, pairs.options())
                                     .index_copy(0, places_, pairs)
                               : pairs;
    return all.view({points_, k_, pairs.size(1)});
  }

 private:
  int64_t points_, k_;
  at::Tensor near_, places_;  // places_ is undefined when every place is taken
};

}  // namespace

VectorAttentionImpl::VectorAttentionImpl(int64_t channels, int64_t share)
    : channels_(channels), share_(share) {
  TORCH_CHECK_VALUE(share > 0 && channels > 0 && channels % share == 0,
                    "VectorAttention: expected channels to be a multiple of share, got ",
                    channels,
                    " and ",
                    share);
  reset();
}

void VectorAttentionImpl::reset() {
  const int64_t groups = channels_ / share_;
  linear_q = register_module("linear_q", torch::nn::Linear(channels_, channels_));
  linear_k = register_module("linear_k", torch::nn::Linear(channels_, channels_));
  linear_v = register_module("linear_v", torch::nn::Linear(channels_, channels_));
  position_in = register_module("position_in", SharedMlp(3, 3, /*bias=*/true));
  position_out = register_module("position_out", torch::nn::Linear(3, channels_));
  relation_norm = register_module("relation_norm", RowNorm(channels_));
  hidden = register_module("hidden", SharedMlp(channels_, groups, /*bias=*/true));
  logits = register_module("logits", torch::nn::Linear(groups, groups));
  frozen_projections_ = {};
}

void VectorAttentionImpl::train(bool on) {
  Module::train(on);
  frozen_projections_ = {};
  frozen_ = {};
}

void VectorAttentionImpl::freeze(Precision precision) {
  const at::NoGradGuard no_grad;
  const auto folded = [](const SharedMlp& layer) {
    const auto [scale, shift] = fixed_norm(*layer->norm);
    return std::pair(layer->linear->weight * scale.unsqueeze(1),
                     layer->linear->bias * scale + shift);
  };
  frozen_projections_ =
      FrozenLinear(at::cat({linear_q->weight, linear_k->weight, linear_v->weight}),
                   at::cat({linear_q->bias, linear_k->bias, linear_v->bias}),
                   Activation::kNone,
                   precision);
  std::tie(frozen_.position_weight, frozen_.position_bias) = folded(position_in);
  frozen_.offset_weight = position_out->weight.detach();
  frozen_.offset_bias = position_out->bias.detach();
  const auto [scale, shift] = fixed_norm(*relation_norm);
  frozen_.scale = scale;
  frozen_.shift = shift;
  std::tie(frozen_.hidden_weight, frozen_.hidden_bias) = folded(hidden);
  frozen_.logit_weight = logits->weight.detach();
  frozen_.logit_bias = logits->bias.detach();
}

at::Tensor VectorAttentionImpl::infer(const at::Tensor& feat,
                                      const at::Tensor& xyz,
                                      const at::Tensor& index) const {
  const std::vector<at::Tensor> projected = frozen_projections_(feat).split(channels_, 1);
  return ops::vector_attention(xyz, projected[0], projected[1], projected[2], index, frozen_);
}

at::Tensor VectorAttentionImpl::forward(const at::Tensor& feat,
                                        const at::Tensor& xyz,
                                        const at::Tensor& index) {
  if (frozen_projections_ && !at::GradMode::is_enabled()) return infer(feat, xyz, index);
  const Pairs pairs(index);
  const at::Tensor offset =
      position_out(position_in(pairs.neighbors(xyz) - pairs.centres(xyz)));  // [E,C]
  const at::Tensor relation = pairs.neighbors(product(linear_k, feat)) -
                              pairs.centres(product(linear_q, feat)) + offset;  // [E,C]
  const at::Tensor scores = product(logits, hidden(relation_norm(relation)));   // [E,C/share]
  const double none = -std::numeric_limits<double>::infinity();
  const at::Tensor weight = pairs.spread(scores, none).softmax(1);  // [N,K,C/share]
  const at::Tensor value =
      pairs.spread(pairs.neighbors(product(linear_v, feat)) + offset, 0);  // [N,K,C]
  return (value.unflatten(2, {share_, channels_ / share_}) * weight.unsqueeze(2))
      .sum(1)
      .view({-1, channels_});
}

VectorAttentionBlockImpl::VectorAttentionBlockImpl(int64_t channels) : channels_(channels) {
  reset();
}

void VectorAttentionBlockImpl::reset() {
  linear1_ = register_module("linear1", SharedMlp(channels_, channels_));
  attention_ = register_module("attention", VectorAttention(channels_));
  norm2_ = register_module("norm2", RowNorm(channels_));
  linear3_ = register_module("linear3",
                             SharedMlp(channels_, channels_, /*bias=*/false, Activation::kNone));
}

at::Tensor VectorAttentionBlockImpl::forward(const at::Tensor& feat,
                                             const at::Tensor& xyz,
                                             const at::Tensor& index) {
  const at::Tensor attended = attention_(linear1_(feat), xyz, index);
  return at::relu(feat + linear3_(norm2_(attended)));
}

}  // namespace pointattn::nn
