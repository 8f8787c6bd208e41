// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/transitions.h"

#include "pointattn/nn/pooling.h"
#include "pointattn/nn/project.h"
#include "pointattn/ops/ball_query.h"
#include "pointattn/ops/gather.h"
#include "pointattn/ops/gather_backward.h"
#include "pointattn/ops/gather_max.h"

#include <ATen/ATen.h>

#include <limits>

namespace pointattn::nn {
namespace {

constexpr double kEpsilon = 1e-8;

}  // namespace

TransitionDownImpl::TransitionDownImpl(int64_t in, int64_t out) : in_(in), out_(out) { reset(); }

void TransitionDownImpl::reset() {
  linear_ = register_module("linear",
                            torch::nn::Linear(torch::nn::LinearOptions(3 + in_, out_).bias(false)));
  norm_ = register_module("norm", RowNorm(out_));
  frozen_ = {};
}

void TransitionDownImpl::train(bool on) {
  Module::train(on);
  frozen_ = {};
}

void TransitionDownImpl::freeze(Precision precision) {
  const at::NoGradGuard no_grad;
  const auto [scale, shift] = fixed_norm(*norm_);
  const at::Tensor weight = linear_->weight * scale.unsqueeze(1);
  frozen_position_ = weight.narrow(1, 0, 3).contiguous();
  frozen_shift_ = shift;
  frozen_ = FrozenLinear(weight.narrow(1, 3, in_), {}, Activation::kNone, precision);
}

at::Tensor TransitionDownImpl::forward(const at::Tensor& feat,
                                       const at::Tensor& xyz,
                                       const at::Tensor& centre,
                                       const at::Tensor& index) {
  if (frozen_ && !at::GradMode::is_enabled()) {
    // Norm and ReLU rise with their input once the norm is in the weights: the maximum comes first.
    const at::Tensor u = frozen_(feat).add_(at::linear(xyz, frozen_position_));
    return ops::gather_max(u, index)
        .sub_(at::linear(centre, frozen_position_))
        .add_(frozen_shift_)
        .relu_();
  }
  const at::Tensor position = linear_->weight.narrow(1, 0, 3);
  const at::Tensor features = linear_->weight.narrow(1, 3, in_);
  const at::Tensor u = project(feat, features) + at::linear(xyz, position);
  const at::Tensor pairs =
      ops::gather(u, index) - at::linear(centre, position).unsqueeze(1);  // [M,K,C_out]
  return norm_(pairs.view({-1, out_})).view(pairs.sizes()).amax(1);
}

TransitionUpImpl::TransitionUpImpl(int64_t in, int64_t out) : in_(in), out_(out) { reset(); }

void TransitionUpImpl::reset() {
  linear1_ = register_module("linear1", SharedMlp(out_, out_, /*bias=*/true));
  linear2_ = register_module("linear2", SharedMlp(in_, out_, /*bias=*/true));
}

at::Tensor TransitionUpImpl::forward(const at::Tensor& own,
                                     const PointBatch& points,
                                     const at::Tensor& feat,
                                     const PointBatch& fewer) {
  return linear1_(own) + interpolate_by_distance(points, fewer, linear2_(feat));
}

TransitionTurnImpl::TransitionTurnImpl(int64_t channels, int64_t categories)
    : channels_(channels), categories_(categories) {
  reset();
}

void TransitionTurnImpl::reset() {
  linear1_ = register_module("linear1", SharedMlp(2 * channels_, channels_, /*bias=*/true));
  linear2_ = register_module("linear2", torch::nn::Linear(channels_, channels_));
  category_ = register_module(
      "category", torch::nn::Linear(torch::nn::LinearOptions(categories_, channels_).bias(false)));
}

at::Tensor TransitionTurnImpl::forward(const at::Tensor& feat,
                                       const at::Tensor& one_hot,
                                       const at::Tensor& offsets) {
  const at::Tensor cloud =
      at::relu(linear2_(mean_pool(feat, offsets))) + category_(one_hot);  // [B,C]
  return linear1_(at::cat({feat, repeat_per_point(cloud, offsets)}, 1));
}

at::Tensor interpolate_by_distance(const PointBatch& query,
                                   const PointBatch& points,
                                   const at::Tensor& feat,
                                   int64_t k) {
  const double anywhere = std::numeric_limits<double>::infinity();
  const ops::Neighbors found = ops::ball_query(
      query.xyz.detach(), points.xyz.detach(), query.offsets, points.offsets, anywhere, k);
  const at::Tensor weight = found.sq_dist.sqrt().add_(kEpsilon).reciprocal_();  // 0 where empty
  return ops::weighted_gather(feat, found.index, weight / weight.sum(1, /*keepdim=*/true));
}

}  // namespace pointattn::nn
