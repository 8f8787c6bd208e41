// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/knn.h"

#include "pointattn/ops/knn_inputs.h"

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

std::tuple<Tensor, Tensor> call_knn(const Tensor& query,
                                    const Tensor& points,
                                    const Tensor& query_offsets,
                                    const Tensor& point_offsets,
                                    int64_t k) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::knn", "")
                             .typed<decltype(call_knn)>();
  return op.call(query, points, query_offsets, point_offsets, k);
}

std::tuple<Tensor, Tensor> knn_meta(
    const Tensor& query, const Tensor&, const Tensor&, const Tensor&, int64_t k) {
  return {at::empty_symint({query.sym_size(0), k}, query.options().dtype(at::kLong)),
          at::empty_symint({query.sym_size(0), k}, query.options())};
}

struct KnnFunction : torch::autograd::Function<KnnFunction> {
  static variable_list forward(AutogradContext* context,
                               const Tensor& query,
                               const Tensor& points,
                               const Tensor& query_offsets,
                               const Tensor& point_offsets,
                               int64_t k) {
    at::AutoDispatchBelowADInplaceOrView below;
    auto [index, sq_dist] = call_knn(query, points, query_offsets, point_offsets, k);
    context->save_for_backward({query, points, index});
    context->mark_non_differentiable({index});
    return {index, sq_dist};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    variable_list flows = sq_dist_gradients(grads[1], saved[0], saved[1], saved[2]);
    return {flows[0], flows[1], {}, {}, {}};
  }
};

std::tuple<Tensor, Tensor> knn_autograd(const Tensor& query,
                                        const Tensor& points,
                                        const Tensor& query_offsets,
                                        const Tensor& point_offsets,
                                        int64_t k) {
  const variable_list out = KnnFunction::apply(query, points, query_offsets, point_offsets, k);
  return {out[0], out[1]};
}

}  // namespace

Neighbors knn(const Tensor& query,
              const Tensor& points,
              const Tensor& query_offsets,
              const Tensor& point_offsets,
              int64_t k) {
  auto [index, sq_dist] = call_knn(query, points, query_offsets, point_offsets, k);
  return {index, sq_dist};
}

TORCH_LIBRARY_FRAGMENT(pointattn, m) {
  m.def(
      "knn(Tensor query, Tensor points, Tensor query_offsets, Tensor point_offsets, int k) "
      "-> (Tensor index, Tensor sq_dist)");
}
TORCH_LIBRARY_IMPL(pointattn, Meta, m) { m.impl("knn", &knn_meta); }
TORCH_LIBRARY_IMPL(pointattn, Autograd, m) { m.impl("knn", &knn_autograd); }

}  // namespace pointattn::ops
