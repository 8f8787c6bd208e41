// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/ragged_softmax.h"

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

Tensor ragged_softmax_meta(const Tensor& logits, const Tensor&) { return at::empty_like(logits); }

/// dl_n = A_n ∘ (g_n − Σ_m A_m ∘ g_m); the sum of a cloud is a pool with ones, going back to its
/// rows is an expand of ones.
struct RaggedSoftmaxFunction : torch::autograd::Function<RaggedSoftmaxFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& logits, const Tensor& offsets) {
    at::AutoDispatchBelowADInplaceOrView below;
    const Tensor attention = ragged_softmax(logits, offsets);
    context->save_for_backward({attention, offsets});
    return attention;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const Tensor weighted = saved[0] * grads[0];
    const Tensor ones = at::ones({weighted.size(0), 1}, weighted.options());
    const Tensor sums = ragged_pool(ones, weighted, saved[1]);
    return {weighted - saved[0] * ragged_expand(ones, sums, saved[1]), {}};
  }
};

Tensor ragged_softmax_autograd(const Tensor& logits, const Tensor& offsets) {
  return RaggedSoftmaxFunction::apply(logits, offsets);
}

}  // namespace

Tensor ragged_softmax(const Tensor& logits, const Tensor& offsets) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::ragged_softmax", "")
                             .typed<decltype(ragged_softmax)>();
  return op.call(logits, offsets);
}

TORCH_LIBRARY_FRAGMENT(pointattn, m) {
  m.def("ragged_softmax(Tensor logits, Tensor offsets) -> Tensor");
}
TORCH_LIBRARY_IMPL(pointattn, Meta, m) { m.impl("ragged_softmax", &ragged_softmax_meta); }
TORCH_LIBRARY_IMPL(pointattn, Autograd, m) { m.impl("ragged_softmax", &ragged_softmax_autograd); }

}  // namespace pointattn::ops
