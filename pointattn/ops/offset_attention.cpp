// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/offset_attention.h"

#include "pointattn/core/check.h"
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

ForwardResult call_forward(const at::Tensor& q,
                           const at::Tensor& k,
                           const at::Tensor& v,
                           const at::Tensor& offsets) {
  using Signature =
      ForwardResult(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&);
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::_offset_attention_forward", "")
                             .typed<Signature>();
  return op.call(q, k, v, offsets);
}

Gradients call_backward(const at::Tensor& grad,
                        const at::Tensor& q,
                        const at::Tensor& k,
                        const at::Tensor& v,
                        const ForwardResult& saved,
                        const at::Tensor& offsets) {
  using Signature = Gradients(const at::Tensor&,
                              const at::Tensor&,
                              const at::Tensor&,
                              const at::Tensor&,
                              const at::Tensor&,
                              const at::Tensor&,
                              const at::Tensor&,
                              const at::Tensor&,
                              const at::Tensor&);
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::_offset_attention_backward", "")
                             .typed<Signature>();
  const auto& [out, row_max, row_scale, column_scale] = saved;
  return op.call(grad, q, k, v, out, row_max, row_scale, column_scale, offsets);
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
    context->save_for_backward({q, k, v, offsets, out, row_max, row_scale, column_scale});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    TORCH_CHECK_NOT_IMPLEMENTED(!at::GradMode::is_enabled(),
                                kName,
                                ": expected first derivatives only, got create_graph=true");
    const auto saved = context->get_saved_variables();
    at::AutoDispatchBelowADInplaceOrView below;
    auto [grad_q, grad_k, grad_v] = call_backward(
        grads[0], saved[0], saved[1], saved[2], {saved[4], saved[5], saved[6], saved[7]}, saved[3]);
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

ForwardResult forward_meta(const at::Tensor& q,
                           const at::Tensor& k,
                           const at::Tensor& v,
                           const at::Tensor& offsets) {
  check_attention_inputs(q, k, v);
  ShapeCheck check(kName);
  check(offsets, "offsets", {"B+1"});
  return empty_forward_result(q, v);
}

Gradients backward_meta(const at::Tensor& grad,
                        const at::Tensor& q,
                        const at::Tensor& k,
                        const at::Tensor& v,
                        const at::Tensor& out,
                        const at::Tensor& row_max,
                        const at::Tensor& row_scale,
                        const at::Tensor& column_scale,
                        const at::Tensor& /*offsets*/) {
  check_backward_inputs(grad, q, k, v, {out, row_max, row_scale, column_scale});
  return zero_gradients(q, k, v);
}

void check_like(const at::Tensor& tensor, const char* name, const at::Tensor& model) {
  TORCH_CHECK_VALUE(tensor.scalar_type() == model.scalar_type(),
                    kName,
                    ": expected ",
                    name,
                    " of dtype ",
                    model.dtype().name(),
                    " as q, got ",
                    tensor.dtype().name());
  TORCH_CHECK_VALUE(tensor.device() == model.device(),
                    kName,
                    ": expected ",
                    name,
                    " on ",
                    model.device(),
                    " as q, got ",
                    tensor.device());
}

}  // namespace

void check_attention_inputs(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  ShapeCheck check(kName);
  check(q, "q", {"N", "D"});
  check(k, "k", {"N", "D"});
  check(v, "v", {"N", "C"});
  TORCH_CHECK_VALUE(q.scalar_type() == at::kFloat || q.scalar_type() == at::kDouble,
                    kName,
                    ": expected q of dtype float or double, got ",
                    q.dtype().name());
  check_like(k, "k", q);
  check_like(v, "v", q);
}

void check_backward_inputs(const at::Tensor& grad,
                           const at::Tensor& q,
                           const at::Tensor& k,
                           const at::Tensor& v,
                           const ForwardResult& saved) {
  check_attention_inputs(q, k, v);
  const auto& [out, row_max, row_scale, column_scale] = saved;
  ShapeCheck check(kName);
  check(v, "v", {"N", "C"});
  check(grad, "grad", {"N", "C"});
  check(out, "out", {"N", "C"});
  check(row_max, "row_max", {"N"});
  check(row_scale, "row_scale", {"N"});
  check(column_scale, "column_scale", {"N"});
  check_like(grad, "grad", q);
  check_like(out, "out", q);
  check_like(row_max, "row_max", q);
  check_like(row_scale, "row_scale", q);
  check_like(column_scale, "column_scale", q);
}

ForwardResult empty_forward_result(const at::Tensor& q, const at::Tensor& v) {
  const auto row = [&] { return at::empty({q.size(0)}, q.options()); };
  return {at::empty({v.size(0), v.size(1)}, v.options()), row(), row(), row()};
}

Gradients zero_gradients(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const auto zeros = [](const at::Tensor& like) {
    return at::zeros({like.size(0), like.size(1)}, like.options());
  };
  return {zeros(q), zeros(k), zeros(v)};
}

at::Tensor offset_attention(const at::Tensor& q,
                            const at::Tensor& k,
                            const at::Tensor& v,
                            const at::Tensor& offsets) {
  using Signature =
      at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&);
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::offset_attention", "")
                             .typed<Signature>();
  return op.call(q, k, v, offsets);
}

TORCH_LIBRARY_FRAGMENT(pointattn, m) {
  m.def("offset_attention(Tensor q, Tensor k, Tensor v, Tensor offsets) -> Tensor");
  m.def(
      "_offset_attention_forward(Tensor q, Tensor k, Tensor v, Tensor offsets) -> "
      "(Tensor out, Tensor row_max, Tensor row_scale, Tensor column_scale)");
  m.def(
      "_offset_attention_backward(Tensor grad, Tensor q, Tensor k, Tensor v, Tensor out, Tensor "
      "row_max, "
      "Tensor row_scale, Tensor column_scale, Tensor offsets) -> (Tensor grad_q, Tensor grad_k, "
      "Tensor grad_v)");
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
