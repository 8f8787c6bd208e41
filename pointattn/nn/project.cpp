// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/project.h"

#include "pointattn/nn/one_dnn.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

namespace pointattn::nn {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

thread_local bool reduced_products = false;

// Smaller products cost less than the conversions, or than the way to oneDNN.
constexpr int64_t kRows = 64;
constexpr int64_t kInputs = 32;

/// at::linear() by oneDNN's products, forward and backward.
struct OneDnnLinear : torch::autograd::Function<OneDnnLinear> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& rows,
                        const Tensor& weight,
                        const std::optional<Tensor>& bias) {
    context->save_for_backward({rows, weight});
    context->saved_data["bias"] = bias.has_value();
    return one_dnn::linear(rows.detach(), weight.detach(), bias ? bias->detach() : Tensor());
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const Tensor grad = grads[0].contiguous();
    Tensor rows_grad, weight_grad, bias_grad;
    if (at::GradMode::is_enabled()) {  // a second derivative: by operators that have one
      rows_grad = at::mm(grad, saved[1]);
      weight_grad = at::mm(grad.t(), saved[0]);
    } else {
      if (context->needs_input_grad(0)) rows_grad = one_dnn::linear(grad, saved[1].t(), {});
      if (context->needs_input_grad(1)) weight_grad = one_dnn::transposed_product(grad, saved[0]);
    }
    if (context->saved_data["bias"].toBool()) bias_grad = grad.sum(0);
    return {rows_grad, weight_grad, bias_grad};
  }
};

bool is_large(const Tensor& rows) {
  return rows.dim() == 2 && rows.size(0) >= kRows && rows.size(1) >= kInputs &&
         rows.scalar_type() == at::kFloat;
}

}  // namespace

Tensor project(const Tensor& rows, const Tensor& weight, const Tensor& bias) {
  if (reduced_products && is_large(rows)) {
    const Tensor product =
        at::linear(rows.to(at::kBFloat16), weight.to(at::kBFloat16)).to(at::kFloat);
    return bias.defined() ? product + bias : product;
  }
  if (is_large(rows) && rows.is_cpu() && weight.scalar_type() == at::kFloat &&
      one_dnn::faster_than_mkl()) {
    // Of operands with gaps, as some columns of a weight are, oneDNN makes a plain loop; the gradient
    // multiplies by both again.
    return OneDnnLinear::apply(rows.contiguous(),
                               weight.contiguous(),
                               bias.defined() ? std::optional<Tensor>(bias) : std::nullopt);
  }
  return at::linear(rows, weight, bias);
}

bool products_are_reduced() { return reduced_products; }

ReducedProducts::ReducedProducts(bool on) : before_(reduced_products) { reduced_products = on; }
ReducedProducts::~ReducedProducts() { reduced_products = before_; }

}  // namespace pointattn::nn
