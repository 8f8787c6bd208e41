// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/frozen_linear.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

namespace pointattn::nn {
namespace {

/// LibTorch's oneDNN operators, as its compiler calls them; absent from builds without oneDNN. They
/// are called boxed because the types behind their schemas differ between versions.
struct OneDnn {
  std::optional<c10::OperatorHandle> linear, pack;

  OneDnn() {
    auto& dispatcher = c10::Dispatcher::singleton();
    linear = dispatcher.findSchema({"mkldnn::_linear_pointwise", ""});
    pack = dispatcher.findSchema({"mkldnn::_reorder_linear_weight", ""});
  }
  bool usable() const { return linear && pack; }
};

const OneDnn& one_dnn() {
  static const OneDnn operators;
  return operators;
}

at::Tensor call(const c10::OperatorHandle& op, torch::jit::Stack stack) {
  op.callBoxed(stack);
  return stack.at(0).toTensor();
}

/// Rows that the packing is planned for: any number works, this one is typical.
constexpr int64_t kPlannedRows = 1024;

/// Narrower layers cost less in float32 than the conversion of their input.
constexpr int64_t kNarrow = 32;

const char* attribute(Activation activation) {
  switch (activation) {
    case Activation::kReLU:
      return "relu";
    case Activation::kLeakyReLU:
      return "leaky_relu";
    case Activation::kNone:
      break;
  }
  return "none";
}

}  // namespace

FrozenLinear::FrozenLinear(const at::Tensor& weight,
                           const at::Tensor& bias,
                           Activation activation,
                           Precision precision)
    : weight_(weight.detach().contiguous()),
      bias_(bias.defined() ? bias.detach() : bias),
      activation_(activation) {
  const bool packs = weight.is_cpu() && weight.scalar_type() == at::kFloat && weight.numel() > 0;
  if (!packs || !one_dnn().usable()) return;
  const bool reduced = precision == Precision::kBFloat16 && weight.size(1) >= kNarrow;
  const at::ScalarType type = reduced ? at::kBFloat16 : at::kFloat;
  packed_ = call(*one_dnn().pack, {weight_.to(type), kPlannedRows});
  if (bias_.defined()) packed_bias_ = bias_.to(type);
}

at::Tensor FrozenLinear::operator()(const at::Tensor& rows) const {
  const double slope = activation_ == Activation::kLeakyReLU ? kLeakySlope : 0.0;
  if (packed_.defined() && rows.size(0) > 0) {
    c10::impl::GenericList scalars(c10::OptionalType::create(c10::NumberType::get()));
    if (activation_ == Activation::kLeakyReLU) scalars.push_back(slope);
    return call(*one_dnn().linear,
                {rows.to(packed_.scalar_type()).contiguous(),
                 packed_,
                 packed_bias_.defined() ? c10::IValue(packed_bias_) : c10::IValue(),
                 std::string(attribute(activation_)),
                 scalars,
                 std::string()})
        .to(rows.scalar_type());
  }
  at::Tensor out = at::linear(rows, weight_, bias_);
  return activation_ == Activation::kNone ? out : at::leaky_relu_(out, slope);
}

}  // namespace pointattn::nn
