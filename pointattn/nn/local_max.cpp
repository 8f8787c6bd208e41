// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/local_max.h"

#include "pointattn/nn/project.h"
#include "pointattn/ops/gather_max.h"

#include <ATen/ATen.h>

namespace pointattn::nn {
namespace {

constexpr double kResidualScale = 0.5;

torch::nn::Linear linear(int64_t in, int64_t out) {
  return torch::nn::Linear(torch::nn::LinearOptions(in, out).bias(false));
}

}  // namespace

LocalResidualImpl::LocalResidualImpl(int64_t channels) : channels_(channels) { reset(); }

void LocalResidualImpl::reset() {
  local_ = register_module("local", linear(channels_ + 3, channels_));
  local_norm_ = register_module("local_norm", RowNorm(channels_, Activation::kNone));
  expand_ = register_module("expand", SharedMlp(channels_, 2 * channels_));
  contract_ = register_module(
      "contract", SharedMlp(2 * channels_, channels_, /*bias=*/false, Activation::kNone));
  const at::NoGradGuard no_grad;
  local_norm_->weight.fill_(kResidualScale);
  contract_->norm->weight.fill_(kResidualScale);
}

at::Tensor LocalResidualImpl::forward(const at::Tensor& feat,
                                      const at::Tensor& xyz,
                                      const at::Tensor& index) {
  const at::Tensor u = project(at::cat({feat, xyz}, 1), local_->weight);
  const at::Tensor near = feat + local_norm_(ops::gather_max(u, index) - u);
  return near + contract_(expand_(near));
}

LocalDownImpl::LocalDownImpl(int64_t in, int64_t out) : in_(in), out_(out) { reset(); }

void LocalDownImpl::reset() {
  feat_ = register_module("feat", linear(in_, out_));
  position_ = register_module("position", linear(3, out_));
  norm_ = register_module("norm", RowNorm(out_));
}

at::Tensor LocalDownImpl::forward(const at::Tensor& feat,
                                  const at::Tensor& xyz,
                                  const at::Tensor& centre,
                                  const at::Tensor& index) {
  const at::Tensor u = project(feat, feat_->weight) + position_(xyz);
  return norm_(ops::gather_max(u, index) - position_(centre));
}

}  // namespace pointattn::nn
