// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/gather_max.h"

#include "pointattn/core/check.h"
#include "pointattn/ops/cpu_dispatch.h"
#include "pointattn/ops/gather_backward.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <tuple>

namespace pointattn::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kGrain = 64;

void check_inputs(const Tensor& feat, const Tensor& index) {
  ShapeCheck check("gather_max");
  check(feat, "feat", {"N", "C"});
  check(index, "index", {"M", "K"});
  TORCH_CHECK_VALUE(index.scalar_type() == at::kLong,
                    "gather_max: expected int64 index, got ",
                    index.dtype().name());
  TORCH_CHECK_VALUE(index.size(1) > 0, "gather_max: expected K of at least 1, got 0");
  if (index.numel() == 0) return;
  const auto lowest = index.min().item<int64_t>();
  const auto highest = index.max().item<int64_t>();
  TORCH_CHECK_VALUE(lowest >= 0 && highest < feat.size(0),
                    "gather_max: expected index from 0 to ",
                    feat.size(0) - 1,
                    ", got ",
                    lowest < 0 ? lowest : highest);
}

/// Rows begin … end of the result; its loops over channels are compiled for several instruction
/// sets.
template <typename scalar_t>
struct MaxKernel {
  [[gnu::always_inline]] static inline void run(const scalar_t* from,
                                                const int64_t* rows,
                                                int64_t K,
                                                int64_t C,
                                                int64_t begin,
                                                int64_t end,
                                                scalar_t* best_of,
                                                int32_t* row_of) {
    for (int64_t m = begin; m < end; ++m) {
      scalar_t* __restrict best = best_of + m * C;
      int32_t* __restrict who = row_of + m * C;
      const scalar_t* first = from + rows[m * K] * C;
      const auto first_row = static_cast<int32_t>(rows[m * K]);
      for (int64_t c = 0; c < C; ++c) {
        best[c] = first[c];
        who[c] = first_row;
      }
      for (int64_t k = 1; k < K; ++k) {
        const auto r = static_cast<int32_t>(rows[m * K + k]);
        const scalar_t* __restrict candidate = from + rows[m * K + k] * C;
        for (int64_t c = 0; c < C; ++c) {
          const bool better = candidate[c] > best[c];
          best[c] = better ? candidate[c] : best[c];
          who[c] = better ? r : who[c];
        }
      }
    }
  }
};

/// Values and, for the gradient, the row that each came from.
std::tuple<Tensor, Tensor> gather_max_cpu(const Tensor& feat_in, const Tensor& index_in) {
  check_inputs(feat_in, index_in);
  const Tensor feat = feat_in.contiguous();
  const Tensor index = index_in.contiguous();
  const int64_t M = index.size(0);
  const int64_t K = index.size(1);
  const int64_t C = feat.size(1);
  Tensor out = at::empty({M, C}, feat.options());
  Tensor row = at::empty({M, C}, index.options().dtype(at::kInt));
  TORCH_CHECK_VALUE(
      feat.size(0) <= INT32_MAX, "gather_max: expected at most 2^31 − 1 rows, got ", feat.size(0));
  AT_DISPATCH_FLOATING_TYPES(feat.scalar_type(), "gather_max", [&] {
    const scalar_t* from = feat.const_data_ptr<scalar_t>();
    const int64_t* rows = index.const_data_ptr<int64_t>();
    scalar_t* best_of = out.mutable_data_ptr<scalar_t>();
    int32_t* row_of = row.mutable_data_ptr<int32_t>();
    at::parallel_for(0, M, kGrain, [&](int64_t begin, int64_t end) {
      run_widest<MaxKernel<scalar_t>>(from, rows, K, C, begin, end, best_of, row_of);
    });
  });
  return {out, row};
}

Tensor gather_max_backward_cpu(const Tensor& grad_in, const Tensor& row_in, int64_t rows) {
  const Tensor grad = grad_in.contiguous();
  const Tensor row = row_in.contiguous();
  const int64_t M = grad.size(0);
  const int64_t C = grad.size(1);
  Tensor out = at::zeros({rows, C}, grad.options());
  AT_DISPATCH_FLOATING_TYPES(grad.scalar_type(), "gather_max_backward", [&] {
    const scalar_t* from = grad.const_data_ptr<scalar_t>();
    const int32_t* who = row.const_data_ptr<int32_t>();
    scalar_t* to = out.mutable_data_ptr<scalar_t>();
    // Threads share out the channels, so that no two write to one place and the order of the sums
    // is fixed.
    at::parallel_for(0, C, 16, [&](int64_t begin, int64_t end) {
      for (int64_t m = 0; m < M; ++m) {
        for (int64_t c = begin; c < end; ++c) to[who[m * C + c] * C + c] += from[m * C + c];
      }
    });
  });
  return out;
}

/// The same by LibTorch's own operators, for devices without a kernel of ours.
std::tuple<Tensor, Tensor> gather_max_composed(const Tensor& feat, const Tensor& index) {
  check_inputs(feat, index);
  const Tensor all =
      feat.index_select(0, index.reshape(-1)).view({index.size(0), index.size(1), feat.size(1)});
  const auto [value, where] = all.max(1);
  return {value, index.gather(1, where).to(at::kInt)};
}

Tensor gather_max_backward_composed(const Tensor& grad, const Tensor& row, int64_t rows) {
  // One number a row: sums have the order of M, where scatter_add() has none on CUDA.
  const int64_t C = grad.size(1);
  const Tensor channel = at::arange(C, row.options().dtype(at::kLong));
  const Tensor place = row.to(at::kLong).mul_(C).add_(channel);  // [M,C]
  return gather_backward(grad.reshape({-1, 1}), place.view({-1}), {}, rows * C).view({rows, C});
}

std::tuple<Tensor, Tensor> call_forward(const Tensor& feat, const Tensor& index) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::_gather_max", "")
                             .typed<std::tuple<Tensor, Tensor>(const Tensor&, const Tensor&)>();
  return op.call(feat, index);
}

Tensor call_backward(const Tensor& grad, const Tensor& row, int64_t rows) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::_gather_max_backward", "")
                             .typed<Tensor(const Tensor&, const Tensor&, int64_t)>();
  return op.call(grad, row, rows);
}

struct GatherMax : torch::autograd::Function<GatherMax> {
  static Tensor forward(AutogradContext* context, const Tensor& feat, const Tensor& index) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const auto [out, row] = call_forward(feat, index);
    context->save_for_backward({row});
    context->saved_data["rows"] = feat.size(0);
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const Tensor row = context->get_saved_variables()[0];
    return {call_backward(grads[0], row, context->saved_data["rows"].toInt()), {}};
  }
};

Tensor gather_max_autograd(const Tensor& feat, const Tensor& index) {
  return GatherMax::apply(feat, index);
}

Tensor gather_max_below(const Tensor& feat, const Tensor& index) {
  return std::get<0>(call_forward(feat, index));
}

Tensor gather_max_meta(const Tensor& feat, const Tensor& index) {
  return at::empty_symint({index.sym_size(0), feat.sym_size(1)}, feat.options());
}

}  // namespace

at::Tensor gather_max(const at::Tensor& feat, const at::Tensor& index) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::gather_max", "")
                             .typed<Tensor(const Tensor&, const Tensor&)>();
  return op.call(feat, index);
}

TORCH_LIBRARY_FRAGMENT(pointattn, m) {
  m.def("gather_max(Tensor feat, Tensor index) -> Tensor");
  m.def("_gather_max(Tensor feat, Tensor index) -> (Tensor, Tensor)");
  m.def("_gather_max_backward(Tensor grad, Tensor row, int rows) -> Tensor");
}
TORCH_LIBRARY_IMPL(pointattn, CPU, m) {
  m.impl("gather_max", gather_max_below);
  m.impl("_gather_max", gather_max_cpu);
  m.impl("_gather_max_backward", gather_max_backward_cpu);
}
TORCH_LIBRARY_IMPL(pointattn, CUDA, m) {
  m.impl("gather_max", gather_max_below);
  m.impl("_gather_max", gather_max_composed);
  m.impl("_gather_max_backward", gather_max_backward_composed);
}
TORCH_LIBRARY_IMPL(pointattn, Autograd, m) { m.impl("gather_max", gather_max_autograd); }
TORCH_LIBRARY_IMPL(pointattn, Meta, m) { m.impl("gather_max", gather_max_meta); }

}  // namespace pointattn::ops
