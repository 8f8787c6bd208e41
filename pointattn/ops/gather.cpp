// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/gather.h"

#include "pointattn/ops/gather_backward.h"

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace pointattn::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor gather_meta(const Tensor& feat, const Tensor& index) {
  c10::SymDimVector shape(index.sym_sizes().begin(), index.sym_sizes().end());
  shape.push_back(feat.sym_size(1));
  return at::empty_symint(shape, feat.options());
}

Tensor weighted_gather_meta(const Tensor& feat, const Tensor& index, const Tensor&) {
  return at::empty_symint({index.sym_size(0), feat.sym_size(1)}, feat.options());
}

Tensor gather_backward_meta(const Tensor& grad,
                            const Tensor&,
                            const std::optional<Tensor>&,
                            c10::SymInt rows) {
  return at::empty_symint({rows, grad.sym_size(1)}, grad.options());
}

struct GatherFunction : torch::autograd::Function<GatherFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& feat, const Tensor& index) {
    at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({index});
    context->saved_data["rows"] = feat.sym_size(0);
    return gather(feat, index);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const Tensor index = context->get_saved_variables()[0];
    const Tensor grad = grads[0].reshape_symint({index.sym_numel(), grads[0].sym_size(-1)});
    return {gather_backward(grad, index.reshape(-1), {}, context->saved_data["rows"].toSymInt()),
            {}};
  }
};

struct WeightedGatherFunction : torch::autograd::Function<WeightedGatherFunction> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& feat,
                        const Tensor& index,
                        const Tensor& weight) {
    at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({index, weight});
    context->saved_data["rows"] = feat.sym_size(0);
    return weighted_gather(feat, index, weight);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    return {gather_backward(grads[0], saved[0], saved[1], context->saved_data["rows"].toSymInt()),
            {},
            {}};
  }
};

Tensor gather_autograd(const Tensor& feat, const Tensor& index) {
  return GatherFunction::apply(feat, index);
}

Tensor weighted_gather_autograd(const Tensor& feat, const Tensor& index, const Tensor& weight) {
  return WeightedGatherFunction::apply(feat, index, weight);
}

}  // namespace

Tensor gather(const Tensor& feat, const Tensor& index) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::gather", "")
                             .typed<decltype(gather)>();
  return op.call(feat, index);
}

Tensor weighted_gather(const Tensor& feat, const Tensor& index, const Tensor& weight) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::_weighted_gather", "")
                             .typed<decltype(weighted_gather)>();
  return op.call(feat, index, weight);
}

Tensor gather_backward(const Tensor& grad,
                       const Tensor& index,
                       const std::optional<Tensor>& weight,
                       const c10::SymInt& rows) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("pointattn::_gather_backward", "")
          .typed<Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, c10::SymInt)>();
  return op.call(grad, index, weight, rows);
}

TORCH_LIBRARY_FRAGMENT(pointattn, m) {
  m.def("gather(Tensor feat, Tensor index) -> Tensor");
  m.def("_weighted_gather(Tensor feat, Tensor index, Tensor weight) -> Tensor");
  m.def("_gather_backward(Tensor grad, Tensor index, Tensor? weight, SymInt rows) -> Tensor");
}
TORCH_LIBRARY_IMPL(pointattn, Meta, m) {
  m.impl("gather", &gather_meta);
  m.impl("_weighted_gather", &weighted_gather_meta);
  m.impl("_gather_backward", &gather_backward_meta);
}
TORCH_LIBRARY_IMPL(pointattn, Autograd, m) {
  m.impl("gather", &gather_autograd);
  m.impl("_weighted_gather", &weighted_gather_autograd);
  m.impl("_gather_backward", torch::autograd::autogradNotImplementedFallback());
}

}  // namespace pointattn::ops
