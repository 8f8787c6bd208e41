// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/frozen_linear.h"

#include "pointattn/nn/one_dnn.h"

#include <ATen/ATen.h>

namespace pointattn::nn {
namespace {

/// Narrower layers cost less in float32 than the conversion of their input.
constexpr int64_t kNarrow = 32;

}  // namespace

FrozenLinear::FrozenLinear(const at::Tensor& weight,
                           const at::Tensor& bias,
                           Activation activation,
                           Precision precision)
    : weight_(weight.detach().contiguous()),
      bias_(bias.defined() ? bias.detach() : bias),
      activation_(activation) {
  const bool packs = weight.is_cpu() && weight.scalar_type() == at::kFloat && weight.numel() > 0;
  if (!packs || !one_dnn::available()) return;
  const bool reduced = precision == Precision::kBFloat16 && weight.size(1) >= kNarrow;
  const at::ScalarType type = reduced ? at::kBFloat16 : at::kFloat;
  packed_ = one_dnn::pack(weight_.to(type));
  if (bias_.defined()) packed_bias_ = bias_.to(type);
}

at::Tensor FrozenLinear::operator()(const at::Tensor& rows) const {
  if (packed_.defined() && rows.size(0) > 0) {
    return one_dnn::linear(
               rows.to(packed_.scalar_type()).contiguous(), packed_, packed_bias_, activation_)
        .to(rows.scalar_type());
  }
  // With bias and activation in the product's epilogue where the device has it (cuBLASLt).
  if (activation_ == Activation::kReLU && bias_.defined())
    return at::_addmm_activation(bias_, rows, weight_.t());
  at::Tensor out = at::linear(rows, weight_, bias_);
  const double slope = activation_ == Activation::kLeakyReLU ? kLeakySlope : 0.0;
  return activation_ == Activation::kNone ? out : at::leaky_relu_(out, slope);
}

}  // namespace pointattn::nn
