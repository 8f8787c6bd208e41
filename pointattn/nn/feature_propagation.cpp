// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/feature_propagation.h"

#include "pointattn/core/check.h"
#include "pointattn/nn/pooling.h"
#include "pointattn/nn/project.h"
#include "pointattn/ops/interpolate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace pointattn::nn {
namespace {

constexpr int64_t kNeighbors = 3;

}  // namespace

FeaturePropagationImpl::FeaturePropagationImpl(Inputs in, std::vector<int64_t> widths, bool bias)
    : in_{in.coarse, in.skip, in.cloud}, widths_(std::move(widths)), bias_(bias) {
  TORCH_CHECK_VALUE(
      std::min({in.coarse, in.skip, in.cloud}) >= 0 && in.coarse + in.skip > 0 && !widths_.empty(),
      "FeaturePropagation: expected coarse or skip channels and a width, got ",
      c10::IntArrayRef(in_),
      " and ",
      widths_);
  reset();
}

void FeaturePropagationImpl::reset() {
  layers_.clear();
  int64_t width = in_[0] + in_[1] + in_[2];
  for (const int64_t next : widths_) {
    layers_.push_back(register_module(std::to_string(layers_.size()),
                                      SharedMlp(std::exchange(width, next), next, bias_)));
  }
  frozen_ = {};
}

void FeaturePropagationImpl::train(bool on) {
  Module::train(on);
  frozen_ = {};
}

void FeaturePropagationImpl::freeze(Precision precision) {
  const at::NoGradGuard no_grad;
  const SharedMlp& first = layers_[0];
  const auto [scale, shift] = fixed_norm(*first->norm);
  const at::Tensor weight = first->linear->weight * scale.unsqueeze(1);
  // The weights of an interpolation sum to one, so a constant may ride along with either part.
  at::Tensor constant = bias_ ? first->linear->bias * scale + shift : shift;
  int64_t column = 0;
  for (size_t part = 0; part < in_.size(); ++part) {
    if (in_[part] == 0) continue;
    frozen_[part] = FrozenLinear(weight.narrow(1, column, in_[part]),
                                 std::exchange(constant, at::Tensor()),
                                 Activation::kNone,
                                 precision);
    column += in_[part];
  }
}

void FeaturePropagationImpl::check_inputs(const PointBatch& to,
                                          const PointBatch& from,
                                          const PropagatedFeatures& feat) const {
  ShapeCheck check("FeaturePropagation");
  check(to.xyz, "xyz", {"N", 3});
  check.bind("B", to.clouds());
  if (in_[0] > 0) {
    check(from.xyz, "coarse xyz", {"n", 3});
    check(feat.coarse, "coarse", {"n", in_[0]});
  }
  if (in_[1] > 0) check(feat.skip, "skip", {"N", in_[1]});
  if (in_[2] > 0) check(feat.cloud, "cloud", {"B", in_[2]});
}

/// The columns of the first product that belong to a part of the input, times its rows.
at::Tensor FeaturePropagationImpl::apply(size_t part, const at::Tensor& rows) {
  if (frozen_[part] && !at::GradMode::is_enabled()) return frozen_[part](rows);
  const int64_t column = part == 0 ? 0 : part == 1 ? in_[0] : in_[0] + in_[1];
  const at::Tensor weight = layers_[0]->linear->weight.narrow(1, column, in_[part]);
  const bool has_bias = bias_ && column == 0;
  return project(rows, weight, has_bias ? layers_[0]->linear->bias : at::Tensor());
}

at::Tensor FeaturePropagationImpl::first_product(const PointBatch& to,
                                                 const PointBatch& from,
                                                 const PropagatedFeatures& feat) {
  at::Tensor sum;
  const auto add = [&sum](const at::Tensor& part) { sum = sum.defined() ? sum + part : part; };
  if (in_[0] > 0) {
    add(ops::interpolate(
        to.xyz, from.xyz, apply(0, feat.coarse), to.offsets, from.offsets, kNeighbors));
  }
  if (in_[1] > 0) add(apply(1, feat.skip));
  if (in_[2] > 0) add(repeat_per_point(apply(2, feat.cloud), to.offsets));
  return sum;  // [N,C]
}

at::Tensor FeaturePropagationImpl::forward(const PointBatch& to,
                                           const PointBatch& from,
                                           const PropagatedFeatures& feat) {
  check_inputs(to, from, feat);
  const bool frozen = (frozen_[0] || frozen_[1]) && !at::GradMode::is_enabled();
  at::Tensor x = first_product(to, from, feat);
  x = frozen ? x.relu_() : layers_[0]->norm(x);
  for (size_t i = 1; i < layers_.size(); ++i) x = layers_[i](x);
  return x;
}

}  // namespace pointattn::nn
