// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/vector_attention.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/library.h>

namespace pointattn::ops {
namespace {

using at::Tensor;

Tensor vector_attention_meta(const Tensor&,
                             const Tensor& query,
                             const Tensor&,
                             const Tensor&,
                             const Tensor&,
                             at::TensorList) {
  return at::empty_symint(query.sym_sizes(), query.options());
}

}  // namespace

Tensor vector_attention(const Tensor& xyz,
                        const Tensor& query,
                        const Tensor& key,
                        const Tensor& value,
                        const Tensor& index,
                        const VectorAttentionWeights& w) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::vector_attention", "")
                             .typed<Tensor(const Tensor&,
                                           const Tensor&,
                                           const Tensor&,
                                           const Tensor&,
                                           const Tensor&,
                                           at::TensorList)>();
  return op.call(xyz,
                 query,
                 key,
                 value,
                 index,
                 {w.position_weight,
                  w.position_bias,
                  w.offset_weight,
                  w.offset_bias,
                  w.scale,
                  w.shift,
                  w.hidden_weight,
                  w.hidden_bias,
                  w.logit_weight,
                  w.logit_bias});
}

TORCH_LIBRARY_FRAGMENT(pointattn, m) {
  // The weights in the order of VectorAttentionWeights.
  m.def(
      "vector_attention(Tensor xyz, Tensor query, Tensor key, Tensor value, Tensor index, Tensor[] "
      "weights) -> Tensor");
}
TORCH_LIBRARY_IMPL(pointattn, Meta, m) { m.impl("vector_attention", &vector_attention_meta); }
TORCH_LIBRARY_IMPL(pointattn, Autograd, m) {
  m.impl("vector_attention", torch::autograd::autogradNotImplementedFallback());
}

}  // namespace pointattn::ops
