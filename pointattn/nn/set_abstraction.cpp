// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/set_abstraction.h"

#include "pointattn/core/check.h"
#include "pointattn/nn/pooling.h"
#include "pointattn/nn/project.h"
#include "pointattn/ops/gather.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace pointattn::nn {
namespace {

void check_widths(const char* name, int64_t in, const std::vector<int64_t>& widths) {
  TORCH_CHECK_VALUE(
      in >= 0 && !widths.empty() && *std::min_element(widths.begin(), widths.end()) > 0,
      name,
      ": expected in ≥ 0 and widths > 0, got ",
      in,
      " and ",
      widths);
}

at::Tensor with_xyz(const PointBatch& batch, const at::Tensor& feat) {
  return feat.defined() ? at::cat({batch.xyz, feat}, 1) : batch.xyz;
}

}  // namespace

SetAbstractionImpl::SetAbstractionImpl(int64_t in, std::vector<int64_t> widths, BallScale scale)
    : in_(in), widths_(std::move(widths)), scale_(scale) {
  check_widths("SetAbstraction", in_, widths_);
  reset();
}

void SetAbstractionImpl::reset() {
  layers_.clear();
  int64_t width = 3 + in_;
  for (const int64_t next : widths_) {
    layers_.push_back(register_module(std::to_string(layers_.size()),
                                      SharedMlp(std::exchange(width, next), next, /*bias=*/true)));
  }
  frozen_near_ = {};
}

void SetAbstractionImpl::train(bool on) {
  Module::train(on);
  frozen_near_ = {};
}

void SetAbstractionImpl::freeze(Precision precision) {
  const at::NoGradGuard no_grad;
  const SharedMlp& first = layers_[0];
  const auto [scale, shift] = fixed_norm(*first->norm);
  const at::Tensor weight = first->linear->weight * scale.unsqueeze(1);
  frozen_near_ =
      FrozenLinear(weight, first->linear->bias * scale + shift, Activation::kNone, precision);
  frozen_centre_ = FrozenLinear(weight.narrow(1, 0, 3), {}, Activation::kNone, precision);
}

/// W [x_j − x_i, f_j] + b = (W [x_j, f_j] + b) − W_x x_i of each pair, then norm and activation:
/// [P,C].
at::Tensor SetAbstractionImpl::first_layer(const PointBatch& batch,
                                           const at::Tensor& feat,
                                           const Sampled& centres,
                                           const BallGroups& groups) {
  SharedMlp& first = layers_[0];
  const at::Tensor points = with_xyz(batch, feat);
  if (frozen_near_ && !at::GradMode::is_enabled()) {
    at::Tensor pairs = ops::gather(frozen_near_(points), groups.neighbor);
    return pairs.sub_(ops::gather(frozen_centre_(centres.batch.xyz), groups.centre)).relu_();
  }
  const at::Tensor weight = first->linear->weight;
  const at::Tensor near = project(points, weight, first->linear->bias);  // [N,C]
  const at::Tensor own = at::linear(centres.batch.xyz, weight.narrow(1, 0, 3));
  return first->norm(ops::gather(near, groups.neighbor) - ops::gather(own, groups.centre));
}

at::Tensor SetAbstractionImpl::forward(const PointBatch& batch,
                                       const at::Tensor& feat,
                                       const Sampled& centres) {
  ShapeCheck check("SetAbstraction");
  check(batch.xyz, "xyz", {"N", 3});
  TORCH_CHECK_VALUE(feat.defined() == (in_ > 0),
                    "SetAbstraction: expected ",
                    in_,
                    " features a point, got ",
                    feat.defined() ? "some" : "none");
  if (feat.defined()) check(feat, "feat", {"N", in_});
  const BallGroups groups = ball_groups(batch, centres, {scale_})[0];
  at::Tensor x = first_layer(batch, feat, centres, groups);
  for (size_t i = 1; i < layers_.size(); ++i) x = layers_[i](x);
  return max_over(groups, x);
}

CloudAbstractionImpl::CloudAbstractionImpl(int64_t in, std::vector<int64_t> widths)
    : in_(in), widths_(std::move(widths)) {
  check_widths("CloudAbstraction", in_, widths_);
  reset();
}

void CloudAbstractionImpl::reset() {
  layers_.clear();
  int64_t width = 3 + in_;
  for (const int64_t next : widths_) {
    layers_.push_back(register_module(std::to_string(layers_.size()),
                                      SharedMlp(std::exchange(width, next), next, /*bias=*/true)));
  }
}

at::Tensor CloudAbstractionImpl::forward(const PointBatch& batch, const at::Tensor& feat) {
  ShapeCheck check("CloudAbstraction");
  check(batch.xyz, "xyz", {"N", 3});
  check(feat, "feat", {"N", in_});
  at::Tensor x = with_xyz(batch, feat);
  for (SharedMlp& layer : layers_) x = layer(x);
  return max_pool(x, batch.offsets);
}

}  // namespace pointattn::nn
