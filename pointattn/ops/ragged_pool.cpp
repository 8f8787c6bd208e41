// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/ragged_pool.h"

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace pointattn::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor ragged_pool_meta(const Tensor& weight, const Tensor& values, const Tensor& offsets) {
  return at::empty_symint({offsets.sym_size(0) - 1, weight.sym_size(1), values.sym_size(1)},
                          weight.options());
}

Tensor ragged_expand_meta(const Tensor& rows, const Tensor& matrices, const Tensor&) {
  return at::empty_symint({rows.sym_size(0), matrices.sym_size(2)}, rows.options());
}

/// M_b = Σ_n w_n v_nᵀ, so dw_n = G_b v_n and dv_n = G_bᵀ w_n.
struct RaggedPoolFunction : torch::autograd::Function<RaggedPoolFunction> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& weight,
                        const Tensor& values,
                        const Tensor& offsets) {
    at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({weight, values, offsets});
    return ragged_pool(weight, values, offsets);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    Tensor weight_grad, values_grad;
    if (context->needs_input_grad(0)) {
      weight_grad = ragged_expand(saved[1], grads[0].transpose(1, 2), saved[2]);
    }
    if (context->needs_input_grad(1)) values_grad = ragged_expand(saved[0], grads[0], saved[2]);
    return {weight_grad, values_grad, {}};
  }
};

/// y_n = W_bᵀ x_n, so dx_n = W_b g_n and dW_b = Σ_n x_n g_nᵀ.
struct RaggedExpandFunction : torch::autograd::Function<RaggedExpandFunction> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& rows,
                        const Tensor& matrices,
                        const Tensor& offsets) {
    at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({rows, matrices, offsets});
    return ragged_expand(rows, matrices, offsets);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    Tensor rows_grad, matrices_grad;
    if (context->needs_input_grad(0)) {
      rows_grad = ragged_expand(grads[0], saved[1].transpose(1, 2), saved[2]);
    }
    if (context->needs_input_grad(1)) matrices_grad = ragged_pool(saved[0], grads[0], saved[2]);
    return {rows_grad, matrices_grad, {}};
  }
};

Tensor ragged_pool_autograd(const Tensor& weight, const Tensor& values, const Tensor& offsets) {
  return RaggedPoolFunction::apply(weight, values, offsets);
}

Tensor ragged_expand_autograd(const Tensor& rows, const Tensor& matrices, const Tensor& offsets) {
  return RaggedExpandFunction::apply(rows, matrices, offsets);
}

}  // namespace

Tensor ragged_pool(const Tensor& weight, const Tensor& values, const Tensor& offsets) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::ragged_pool", "")
                             .typed<decltype(ragged_pool)>();
  return op.call(weight, values, offsets);
}

Tensor ragged_expand(const Tensor& rows, const Tensor& matrices, const Tensor& offsets) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::ragged_expand", "")
                             .typed<decltype(ragged_expand)>();
  return op.call(rows, matrices, offsets);
}

TORCH_LIBRARY_FRAGMENT(pointattn, m) {
  m.def("ragged_pool(Tensor weight, Tensor values, Tensor offsets) -> Tensor");
  m.def("ragged_expand(Tensor rows, Tensor matrices, Tensor offsets) -> Tensor");
}
TORCH_LIBRARY_IMPL(pointattn, Meta, m) {
  m.impl("ragged_pool", &ragged_pool_meta);
  m.impl("ragged_expand", &ragged_expand_meta);
}
TORCH_LIBRARY_IMPL(pointattn, Autograd, m) {
  m.impl("ragged_pool", &ragged_pool_autograd);
  m.impl("ragged_expand", &ragged_expand_autograd);
}

}  // namespace pointattn::ops
