// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/shared_mlp.h"

#include "pointattn/nn/project.h"

#include <ATen/ATen.h>

namespace pointattn::nn {
namespace {

constexpr double kMomentum = 0.1;

}  // namespace

RowNormImpl::RowNormImpl(int64_t channels, Activation activation)
    : channels_(channels), activation_(activation) {
  reset();
}

void RowNormImpl::reset() {
  weight = register_parameter("weight", at::ones({channels_}));
  bias = register_parameter("bias", at::zeros({channels_}));
  running_mean = register_buffer("running_mean", at::zeros({channels_}));
  running_var = register_buffer("running_var", at::ones({channels_}));
}

at::Tensor RowNormImpl::forward(const at::Tensor& rows) {
  const int64_t N = rows.size(0);
  at::Tensor out;
  if (N == 0) {
    out = rows;
  } else {
    // [N,C] seen as an image of N pixels with channels last: the same memory, the fast kernel.
    const at::Tensor image = rows.contiguous().view({1, N, 1, channels_}).permute({0, 3, 1, 2});
    out = at::batch_norm(image,
                         weight,
                         bias,
                         running_mean,
                         running_var,
                         is_training(),
                         kMomentum,
                         kNormEpsilon,
                         /*cudnn_enabled=*/true)
              .permute({0, 2, 3, 1})
              .reshape({N, channels_});
  }
  switch (activation_) {
    case Activation::kReLU:
      return at::relu(out);
    case Activation::kLeakyReLU:
      return at::leaky_relu(out, kLeakySlope);
    case Activation::kNone:
      break;
  }
  return out;
}

void RowNormImpl::record(const at::Tensor& mean, const at::Tensor& var, int64_t rows) {
  const at::NoGradGuard no_grad;
  const auto n = static_cast<double>(rows);
  running_mean.lerp_(mean, kMomentum);
  running_var.lerp_(var * (n / (n - 1)), kMomentum);
}

FixedNorm fixed_norm(const RowNormImpl& norm) {
  const at::NoGradGuard no_grad;
  const at::Tensor scale = norm.weight / at::sqrt(norm.running_var + kNormEpsilon);
  return {scale, norm.bias - norm.running_mean * scale};
}

SharedMlpImpl::SharedMlpImpl(int64_t in, int64_t out, bool bias, Activation activation)
    : in_(in), out_(out), bias_(bias), activation_(activation) {
  reset();
}

void SharedMlpImpl::reset() {
  linear =
      register_module("linear", torch::nn::Linear(torch::nn::LinearOptions(in_, out_).bias(bias_)));
  norm = register_module("norm", RowNorm(out_, activation_));
  frozen_ = {};
}

void SharedMlpImpl::train(bool on) {
  Module::train(on);
  frozen_ = {};
}

void SharedMlpImpl::freeze(Precision precision) {
  const at::NoGradGuard no_grad;
  const auto [scale, shift] = fixed_norm(*norm);
  frozen_ = FrozenLinear(linear->weight * scale.unsqueeze(1),
                         bias_ ? linear->bias * scale + shift : shift,
                         activation_,
                         precision);
}

at::Tensor SharedMlpImpl::forward(const at::Tensor& rows) {
  std::vector<int64_t> shape = rows.sizes().vec();
  const at::Tensor flat = rows.reshape({-1, in_});
  const at::Tensor out = frozen_ && !at::GradMode::is_enabled()
                             ? frozen_(flat)
                             : norm(project(flat, linear->weight, linear->bias));
  shape.back() = out_;
  return out.view(shape);
}

}  // namespace pointattn::nn
