// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/one_dnn.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <optional>
#include <string>

namespace pointattn::nn::one_dnn {
namespace {

struct Operators {
  std::optional<c10::OperatorHandle> linear, pack;

  Operators() {
    auto& dispatcher = c10::Dispatcher::singleton();
    linear = dispatcher.findSchema({"mkldnn::_linear_pointwise", ""});
    pack = dispatcher.findSchema({"mkldnn::_reorder_linear_weight", ""});
  }
};

const Operators& operators() {
  static const Operators found;
  return found;
}

at::Tensor call(const c10::OperatorHandle& op, torch::jit::Stack stack) {
  op.callBoxed(stack);
  return stack.at(0).toTensor();
}

/// Rows that the packing is planned for: any number works, this one is typical.
constexpr int64_t kPlannedRows = 1024;

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

bool available() { return operators().linear && operators().pack; }

at::Tensor linear(const at::Tensor& rows,
                  const at::Tensor& weight,
                  const at::Tensor& bias,
                  Activation activation) {
  c10::impl::GenericList scalars(c10::OptionalType::create(c10::NumberType::get()));
  if (activation == Activation::kLeakyReLU) scalars.push_back(kLeakySlope);
  return call(*operators().linear,
              {rows,
               weight,
               bias.defined() ? c10::IValue(bias) : c10::IValue(),
               std::string(attribute(activation)),
               scalars,
               std::string()});
}

at::Tensor pack(const at::Tensor& weight) {
  return call(*operators().pack, {weight, kPlannedRows});
}

bool faster_than_mkl() {
#if defined(__x86_64__)
  static const bool faster = available() && !__builtin_cpu_is("intel");
  return faster;
#else
  return false;
#endif
}

}  // namespace pointattn::nn::one_dnn
