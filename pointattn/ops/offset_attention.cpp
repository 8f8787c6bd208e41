// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/offset_attention.h"

#include "pointattn/core/check.h"
#include "pointattn/ops/attention_inputs.h"
#include "pointattn/ops/offset_attention_schema.h"

#include <ATen/Functions.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <tuple>

namespace pointattn::ops {
namespace {

constexpr const char* kName = "offset_attention";

OffsetAttentionResult call_forward(const at::Tensor& q,
                                   const at::Tensor& k,
                                   const at::Tensor& v,
                                   const at::Tensor& offsets) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::_offset_attention_forward", "")
                             .typed<decltype(call_forward)>();
  return op.call(q, k, v, offsets);
}

OffsetAttentionGradients call_backward(const at::Tensor& grad,
                                       const at::Tensor& q,
                                       const at::Tensor& k,
                                       const at::Tensor& v,
                                       const at::Tensor& out,
                                       const at::Tensor& row_max,
                                       const at::Tensor& row_scale,
                                       const at::Tensor& column_scale,
                                       const at::Tensor& offsets,
                                       bool shared) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::_offset_attention_backward", "")
                             .typed<decltype(call_backward)>();
  return op.call(grad, q, k, v, out, row_max, row_scale, column_scale, offsets, shared);
}

/// Below autograd, on any backend.
at::Tensor offset_attention_plain(const at::Tensor& q,
                                  const at::Tensor& k,
                                  const at::Tensor& v,
                                  const at::Tensor& offsets) {
  return std::get<0>(call_forward(q, k, v, offsets));
}

class OffsetAttention : public torch::autograd::Function<OffsetAttention> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& q,
                            const at::Tensor& k,
                            const at::Tensor& v,
                            const at::Tensor& offsets) {
    at::AutoDispatchBelowADInplaceOrView below;
    auto [out, row_max, row_scale, column_scale] = call_forward(q, k, v, offsets);
    context->saved_data["shared"] = q.is_same(k);
    context->save_for_backward({q, k, v, offsets, out, row_max, row_scale, column_scale});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    check_first_derivative(kName);
    const auto saved = context->get_saved_variables();
    at::AutoDispatchBelowADInplaceOrView below;
    auto [grad_q, grad_k, grad_v] = call_backward(grads[0],
                                                  saved[0],
                                                  saved[1],
                                                  saved[2],
                                                  saved[4],
                                                  saved[5],
                                                  saved[6],
                                                  saved[7],
                                                  saved[3],
                                                  context->saved_data["shared"].toBool());
    return {grad_q, grad_k, grad_v, at::Tensor()};
  }
};

at::Tensor offset_attention_autograd(const at::Tensor& q,
                                     const at::Tensor& k,
                                     const at::Tensor& v,
                                     const at::Tensor& offsets) {
  const bool wanted =
      at::GradMode::is_enabled() && (q.requires_grad() || k.requires_grad() || v.requires_grad());
  if (wanted) return OffsetAttention::apply(q, k, v, offsets);
  at::AutoDispatchBelowADInplaceOrView below;
  return offset_attention_plain(q, k, v, offsets);
}

OffsetAttentionResult forward_meta(const at::Tensor& q,
                                   const at::Tensor& k,
                                   const at::Tensor& v,
                                   const at::Tensor& offsets) {
  check_offset_attention(q, k, v);
  ShapeCheck check(kName);
  check(offsets, "offsets", {"B+1"});
  return empty_offset_attention_result(q, v);
}

OffsetAttentionGradients backward_meta(const at::Tensor& grad,
                                       const at::Tensor& q,
                                       const at::Tensor& k,
                                       const at::Tensor& v,
                                       const at::Tensor& out,
                                       const at::Tensor& row_max,
                                       const at::Tensor& row_scale,
                                       const at::Tensor& column_scale,
                                       const at::Tensor& /*offsets*/,
                                       bool shared) {
  check_offset_attention_backward(grad, q, k, v, {out, row_max, row_scale, column_scale});
  const OffsetAttentionGradients result = zero_offset_attention_gradients(q, k, v);
  return shared ? sum_of_shared(result) : result;
}

}  // namespace

void check_offset_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  ShapeCheck check(kName);
  check(q, "q", {"N", "D"});
  check(k, "k", {"N", "D"});
  check(v, "v", {"N", "C"});
  check_query_dtype(kName, q);
  check_like_query(kName, k, "k", q);
  check_like_query(kName, v, "v", q);
}

void check_offset_attention_backward(const at::Tensor& grad,
                                     const at::Tensor& q,
                                     const at::Tensor& k,
                                     const at::Tensor& v,
                                     const OffsetAttentionResult& saved) {
  check_offset_attention(q, k, v);
  const auto& [out, row_max, row_scale, column_scale] = saved;
  ShapeCheck check(kName);
  check(v, "v", {"N", "C"});
  check(grad, "grad", {"N", "C"});
  check(out, "out", {"N", "C"});
  check(row_max, "row_max", {"N"});
  check(row_scale, "row_scale", {"N"});
  check(column_scale, "column_scale", {"N"});
  check_like_query(kName, grad, "grad", q);
  check_like_query(kName, out, "out", q);
  check_row_statistic(kName, row_max, "row_max", q);
  check_row_statistic(kName, row_scale, "row_scale", q);
  check_row_statistic(kName, column_scale, "column_scale", q);
}

OffsetAttentionResult empty_offset_attention_result(const at::Tensor& q, const at::Tensor& v) {
  const auto row = [&] { return at::empty({q.size(0)}, row_options(q)); };
  return {at::empty({v.size(0), v.size(1)}, v.options()), row(), row(), row()};
}

OffsetAttentionGradients zero_offset_attention_gradients(const at::Tensor& q,
                                                         const at::Tensor& k,
                                                         const at::Tensor& v) {
  const auto zeros = [](const at::Tensor& like) {
    if (!like.defined()) return at::Tensor();
    return at::zeros({like.size(0), like.size(1)}, like.options());
  };
  return {zeros(q), zeros(k), zeros(v)};
}

OffsetAttentionGradients sum_of_shared(const OffsetAttentionGradients& gradients) {
  const auto& [grad_q, grad_k, grad_v] = gradients;
  return {grad_k.defined() ? grad_q.add_(grad_k) : grad_q, at::Tensor(), grad_v};
}

at::Tensor offset_attention(const at::Tensor& q,
                            const at::Tensor& k,
                            const at::Tensor& v,
                            const at::Tensor& offsets) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::offset_attention", "")
                             .typed<decltype(offset_attention)>();
  return op.call(q, k, v, offsets);
}

TORCH_LIBRARY_FRAGMENT(pointattn, m) {
  m.def("offset_attention(Tensor q, Tensor k, Tensor v, Tensor offsets) -> Tensor");
  m.def(
      "_offset_attention_forward(Tensor q, Tensor k, Tensor v, Tensor offsets) -> "
      "(Tensor out, Tensor row_max, Tensor row_scale, Tensor column_scale)");
  m.def(
      "_offset_attention_backward(Tensor grad, Tensor q, Tensor k, Tensor v, Tensor out, Tensor "
      "row_max, Tensor row_scale, Tensor column_scale, Tensor offsets, bool shared=False) -> "
      "(Tensor "
      "grad_q, Tensor grad_k, Tensor grad_v)");
}
TORCH_LIBRARY_IMPL(pointattn, CompositeExplicitAutograd, m) {
  m.impl("offset_attention", &offset_attention_plain);
}
TORCH_LIBRARY_IMPL(pointattn, Autograd, m) {
  m.impl("offset_attention", &offset_attention_autograd);
}
TORCH_LIBRARY_IMPL(pointattn, Meta, m) {
  m.impl("_offset_attention_forward", &forward_meta);
  m.impl("_offset_attention_backward", &backward_meta);
}

}  // namespace pointattn::ops
