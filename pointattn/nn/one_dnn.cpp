// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/one_dnn.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <algorithm>
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

// oneDNN prepares a product anew for every shape that it has not met, and keeps a thousand of them
// with their working memory. Numbers of rows that change from step to step (ragged pairs) would fill
// the memory of the machine, so rows go in blocks of a few sizes.
constexpr int64_t kLargestBlock = 65536;
constexpr int64_t kSmallestBlock = 64;

/// Calls work(begin, size) for the blocks of `rows`: powers of two, and what is left below the
/// smallest.
template <typename Work>
void for_each_block(int64_t rows, const Work& work) {
  int64_t size = kLargestBlock;
  for (int64_t begin = 0; begin < rows; begin += size) {
    const int64_t left = rows - begin;
    while (size > left && size > kSmallestBlock) size /= 2;
    size = std::min(size, left);
    work(begin, size);
  }
}

at::Tensor linear_of_block(const at::Tensor& rows,
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

}  // namespace

bool available() { return operators().linear && operators().pack; }

at::Tensor linear(const at::Tensor& rows,
                  const at::Tensor& weight,
                  const at::Tensor& bias,
                  Activation activation) {
  at::Tensor out;
  for_each_block(rows.size(0), [&](int64_t begin, int64_t size) {
    const at::Tensor block = linear_of_block(rows.narrow(0, begin, size), weight, bias, activation);
    if (size == rows.size(0)) {
      out = block;
      return;
    }
    if (!out.defined()) out = at::empty({rows.size(0), block.size(1)}, block.options());
    out.narrow(0, begin, size).copy_(block);
  });
  return out;
}

at::Tensor transposed_product(const at::Tensor& left, const at::Tensor& right) {
  at::Tensor out;
  for_each_block(left.size(0), [&](int64_t begin, int64_t size) {
    const at::Tensor block = linear_of_block(
        left.narrow(0, begin, size).t(), right.narrow(0, begin, size).t(), {}, Activation::kNone);
    out = out.defined() ? out.add_(block) : block;
  });
  return out;
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
