// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention.h"

#include "pointattn/core/check.h"
#include "pointattn/ops/attention_inputs.h"
#include "pointattn/ops/attention_schema.h"

#include <ATen/Functions.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <tuple>

namespace pointattn::ops {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

constexpr const char* kName = "attention";

AttentionResult call_forward(const Tensor& q,
                             const Tensor& k,
                             const Tensor& v,
                             const Tensor& query_offsets,
                             const Tensor& key_offsets,
                             const OptionalTensor& bias,
                             double scale) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::_attention_forward", "")
                             .typed<decltype(call_forward)>();
  return op.call(q, k, v, query_offsets, key_offsets, bias, scale);
}

AttentionGradients call_backward(const Tensor& grad,
                                 const Tensor& q,
                                 const Tensor& k,
                                 const Tensor& v,
                                 const Tensor& query_offsets,
                                 const Tensor& key_offsets,
                                 const OptionalTensor& bias,
                                 double scale,
                                 const Tensor& out,
                                 const Tensor& row_max,
                                 const Tensor& row_scale) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::_attention_backward", "")
                             .typed<decltype(call_backward)>();
  return op.call(grad, q, k, v, query_offsets, key_offsets, bias, scale, out, row_max, row_scale);
}

/// Below autograd, on any backend.
Tensor attention_plain(const Tensor& q,
                       const Tensor& k,
                       const Tensor& v,
                       const Tensor& query_offsets,
                       const Tensor& key_offsets,
                       const OptionalTensor& bias,
                       double scale) {
  return std::get<0>(call_forward(q, k, v, query_offsets, key_offsets, bias, scale));
}

class Attention : public torch::autograd::Function<Attention> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context,
                        const Tensor& q,
                        const Tensor& k,
                        const Tensor& v,
                        const Tensor& query_offsets,
                        const Tensor& key_offsets,
                        const OptionalTensor& bias,
                        double scale) {
    at::AutoDispatchBelowADInplaceOrView below;
    auto [out, row_max, row_scale] = call_forward(q, k, v, query_offsets, key_offsets, bias, scale);
    context->save_for_backward(
        {q, k, v, query_offsets, key_offsets, bias.value_or(Tensor()), out, row_max, row_scale});
    context->saved_data["scale"] = scale;
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    check_first_derivative(kName);
    const auto saved = context->get_saved_variables();
    const OptionalTensor bias = saved[5].defined() ? OptionalTensor(saved[5]) : std::nullopt;
    at::AutoDispatchBelowADInplaceOrView below;
    auto [grad_q, grad_k, grad_v, grad_bias] =
        call_backward(grads[0],
                      saved[0],
                      saved[1],
                      saved[2],
                      saved[3],
                      saved[4],
                      bias,
                      context->saved_data["scale"].toDouble(),
                      saved[6],
                      saved[7],
                      saved[8]);
    if (!bias) grad_bias.reset();
    return {grad_q, grad_k, grad_v, Tensor(), Tensor(), grad_bias, Tensor()};
  }
};

Tensor attention_autograd(const Tensor& q,
                          const Tensor& k,
                          const Tensor& v,
                          const Tensor& query_offsets,
                          const Tensor& key_offsets,
                          const OptionalTensor& bias,
                          double scale) {
  const bool wanted =
      at::GradMode::is_enabled() && (q.requires_grad() || k.requires_grad() || v.requires_grad() ||
                                     (bias && bias->requires_grad()));
  if (wanted) return Attention::apply(q, k, v, query_offsets, key_offsets, bias, scale);
  at::AutoDispatchBelowADInplaceOrView below;
  return attention_plain(q, k, v, query_offsets, key_offsets, bias, scale);
}

AttentionResult forward_meta(const Tensor& q,
                             const Tensor& k,
                             const Tensor& v,
                             const Tensor& query_offsets,
                             const Tensor& key_offsets,
                             const OptionalTensor& bias,
                             double scale) {
  const AttentionInputs inputs{q, k, v, query_offsets, key_offsets, bias, scale};
  check_attention(inputs);
  return empty_attention_result(inputs);
}

AttentionGradients backward_meta(const Tensor& grad,
                                 const Tensor& q,
                                 const Tensor& k,
                                 const Tensor& v,
                                 const Tensor& query_offsets,
                                 const Tensor& key_offsets,
                                 const OptionalTensor& bias,
                                 double scale,
                                 const Tensor& out,
                                 const Tensor& row_max,
                                 const Tensor& row_scale) {
  const AttentionInputs inputs{q, k, v, query_offsets, key_offsets, bias, scale};
  check_attention_backward(grad, inputs, {out, row_max, row_scale});
  return zero_attention_gradients(inputs);
}

/// Shapes of the inputs, with all dimensions bound for what follows.
ShapeCheck checked_shapes(const AttentionInputs& inputs) {
  ShapeCheck check(kName);
  check(inputs.q, "q", {"M", "H", "D"});
  check(inputs.k, "k", {"N", "H", "D"});
  check(inputs.v, "v", {"N", "H", "C"});
  check(inputs.query_offsets, "query_offsets", {"B+1"});
  check(inputs.key_offsets, "key_offsets", {"B+1"});
  if (inputs.bias) check(*inputs.bias, "bias", {"N", "H"});
  check_query_dtype(kName, inputs.q);
  check_like_query(kName, inputs.k, "k", inputs.q);
  check_like_query(kName, inputs.v, "v", inputs.q);
  if (inputs.bias) check_like_query(kName, *inputs.bias, "bias", inputs.q);
  return check;
}

}  // namespace

void check_attention(const AttentionInputs& inputs) { checked_shapes(inputs); }

void check_attention_backward(const Tensor& grad,
                              const AttentionInputs& inputs,
                              const AttentionResult& saved) {
  ShapeCheck check = checked_shapes(inputs);
  const auto& [out, row_max, row_scale] = saved;
  check(grad, "grad", {"M", "H", "C"});
  check(out, "out", {"M", "H", "C"});
  check(row_max, "row_max", {"H", "M"});
  check(row_scale, "row_scale", {"H", "M"});
  check_like_query(kName, grad, "grad", inputs.q);
  check_like_query(kName, out, "out", inputs.q);
  check_row_statistic(kName, row_max, "row_max", inputs.q);
  check_row_statistic(kName, row_scale, "row_scale", inputs.q);
}

AttentionOffsets checked_attention_offsets(const AttentionInputs& inputs) {
  return {checked_offsets(kName, inputs.query_offsets, "query_offsets", inputs.q.size(0)),
          checked_offsets(kName, inputs.key_offsets, "key_offsets", inputs.k.size(0))};
}

AttentionResult empty_attention_result(const AttentionInputs& inputs) {
  const int64_t M = inputs.q.size(0);
  const int64_t H = inputs.heads();
  return {at::empty({M, H, inputs.v.size(2)}, inputs.q.options()),
          at::empty({H, M}, row_options(inputs.q)),
          at::empty({H, M}, row_options(inputs.q))};
}

AttentionGradients zero_attention_gradients(const AttentionInputs& inputs) {
  const auto zeros = [&](at::IntArrayRef sizes) { return at::zeros(sizes, inputs.q.options()); };
  return {zeros(inputs.q.sizes()),
          zeros(inputs.k.sizes()),
          zeros(inputs.v.sizes()),
          zeros({inputs.bias ? inputs.k.size(0) : 0, inputs.heads()})};
}

Tensor attention(const Tensor& q,
                 const Tensor& k,
                 const Tensor& v,
                 const Tensor& query_offsets,
                 const Tensor& key_offsets,
                 const OptionalTensor& bias,
                 double scale) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::attention", "")
                             .typed<decltype(attention)>();
  return op.call(q, k, v, query_offsets, key_offsets, bias, scale);
}

TORCH_LIBRARY_FRAGMENT(pointattn, m) {
  m.def(
      "attention(Tensor q, Tensor k, Tensor v, Tensor query_offsets, Tensor key_offsets, "
      "Tensor? bias, float scale) -> Tensor");
  m.def(
      "_attention_forward(Tensor q, Tensor k, Tensor v, Tensor query_offsets, Tensor key_offsets, "
      "Tensor? bias, float scale) -> (Tensor out, Tensor row_max, Tensor row_scale)");
  m.def(
      "_attention_backward(Tensor grad, Tensor q, Tensor k, Tensor v, Tensor query_offsets, "
      "Tensor key_offsets, Tensor? bias, float scale, Tensor out, Tensor row_max, "
      "Tensor row_scale) -> (Tensor grad_q, Tensor grad_k, Tensor grad_v, Tensor grad_bias)");
}
TORCH_LIBRARY_IMPL(pointattn, CompositeExplicitAutograd, m) {
  m.impl("attention", &attention_plain);
}
TORCH_LIBRARY_IMPL(pointattn, Autograd, m) { m.impl("attention", &attention_autograd); }
TORCH_LIBRARY_IMPL(pointattn, Meta, m) {
  m.impl("_attention_forward", &forward_meta);
  m.impl("_attention_backward", &backward_meta);
}

}  // namespace pointattn::ops
