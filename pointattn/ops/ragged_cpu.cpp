// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/ragged_inputs.h"
#include "pointattn/ops/ragged_loops.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

namespace pointattn::ops {
namespace {

using at::Tensor;

/// One cloud after another on one thread each; LibTorch's own softmax does the work.
Tensor ragged_softmax_cpu(const Tensor& logits, const Tensor& offsets) {
  const std::vector<int64_t> starts = check_ragged_softmax(logits, offsets);
  const Tensor from = logits.detach();
  Tensor out = at::empty(logits.sizes(), logits.options());
  at::parallel_for(0, static_cast<int64_t>(starts.size()) - 1, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t first = starts[static_cast<size_t>(b)];
      const int64_t count = starts[static_cast<size_t>(b) + 1] - first;
      out.narrow(0, first, count).copy_(from.narrow(0, first, count).softmax(0));
    }
  });
  return out;
}

/// Sums of stretches [S,R,C], then those of each cloud in order.
Tensor ragged_pool_cpu(const Tensor& weight_in, const Tensor& values_in, const Tensor& offsets) {
  const std::vector<int64_t> starts = check_ragged_pool(weight_in, values_in, offsets);
  const Tensor weight = weight_in.detach().contiguous();
  const Tensor values = values_in.detach().contiguous();
  const std::vector<Stretch> stretches = stretches_of(starts);
  const int64_t r = weight.size(1);
  const int64_t c = values.size(1);
  const auto count = static_cast<int64_t>(stretches.size());
  Tensor sums = at::empty({count, r, c}, weight.options());
  AT_DISPATCH_FLOATING_TYPES(weight.scalar_type(), "ragged_pool", [&] {
    const scalar_t* from = weight.const_data_ptr<scalar_t>();
    const scalar_t* rows = values.const_data_ptr<scalar_t>();
    scalar_t* to = sums.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s) {
        const Stretch& stretch = stretches[static_cast<size_t>(s)];
        pool_rows(from + stretch.begin * r,
                  rows + stretch.begin * c,
                  to + s * r * c,
                  stretch.end - stretch.begin,
                  r,
                  c);
      }
    });
  });
  const auto clouds = static_cast<int64_t>(starts.size()) - 1;
  Tensor out = at::zeros({clouds, r, c}, weight.options());
  for (int64_t s = 0; s < count; ++s) out[stretches[static_cast<size_t>(s)].cloud] += sums[s];
  return out;
}

Tensor ragged_expand_cpu(const Tensor& rows_in, const Tensor& matrices_in, const Tensor& offsets) {
  const std::vector<int64_t> starts = check_ragged_expand(rows_in, matrices_in, offsets);
  const Tensor rows = rows_in.detach().contiguous();
  const Tensor matrices = matrices_in.detach().contiguous();
  const std::vector<Stretch> stretches = stretches_of(starts);
  const int64_t k = rows.size(1);
  const int64_t d = matrices.size(2);
  Tensor out = at::empty({rows.size(0), d}, rows.options());
  AT_DISPATCH_FLOATING_TYPES(rows.scalar_type(), "ragged_expand", [&] {
    const scalar_t* from = rows.const_data_ptr<scalar_t>();
    const scalar_t* matrix = matrices.const_data_ptr<scalar_t>();
    scalar_t* to = out.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, static_cast<int64_t>(stretches.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s) {
        const Stretch& stretch = stretches[static_cast<size_t>(s)];
        expand_rows(from + stretch.begin * k,
                    matrix + stretch.cloud * k * d,
                    to + stretch.begin * d,
                    stretch.end - stretch.begin,
                    k,
                    d);
      }
    });
  });
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CPU, m) {
  m.impl("ragged_softmax", &ragged_softmax_cpu);
  m.impl("ragged_pool", &ragged_pool_cpu);
  m.impl("ragged_expand", &ragged_expand_cpu);
}

}  // namespace pointattn::ops
