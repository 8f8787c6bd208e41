// SPDX-License-Identifier: Apache-2.0
#include "cuda/ragged.h"
#include "pointattn/ops/ragged_inputs.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

namespace pointattn::ops {
namespace {

using at::Tensor;

Tensor to_device(const std::vector<int64_t>& values, const Tensor& like) {
  return at::tensor(values, at::kLong).to(like.device());
}

/// Stretches as triples, and where those of each cloud begin.
struct StretchTable {
  Tensor stretches, first;
  int64_t count;
};

StretchTable table_of(const std::vector<int64_t>& starts, const Tensor& like) {
  std::vector<int64_t> flat, first;
  for (const Stretch& stretch : stretches_of(starts)) {
    while (static_cast<int64_t>(first.size()) <= stretch.cloud) {
      first.push_back(static_cast<int64_t>(flat.size()) / 3);
    }
    flat.insert(flat.end(), {stretch.cloud, stretch.begin, stretch.end});
  }
  const auto count = static_cast<int64_t>(flat.size()) / 3;
  first.resize(starts.size(), count);
  return {to_device(flat, like), to_device(first, like), count};
}

Tensor ragged_softmax_cuda(const Tensor& logits_in, const Tensor& offsets) {
  const std::vector<int64_t> starts = check_ragged_softmax(logits_in, offsets);
  const c10::cuda::CUDAGuard guard(logits_in.device());
  const Tensor logits = logits_in.contiguous();
  const Tensor begins = to_device(starts, logits);
  Tensor out = at::empty_like(logits);
  AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "ragged_softmax", [&] {
    cuda::RaggedSoftmaxParams<scalar_t> params{};
    params.logits = logits.const_data_ptr<scalar_t>();
    params.starts = begins.const_data_ptr<int64_t>();
    params.out = out.mutable_data_ptr<scalar_t>();
    params.clouds = static_cast<int64_t>(starts.size()) - 1;
    params.columns = logits.size(1);
    cuda::launch_ragged_softmax(params, c10::cuda::getCurrentCUDAStream());
  });
  return out;
}

Tensor ragged_pool_cuda(const Tensor& weight_in, const Tensor& values_in, const Tensor& offsets) {
  const std::vector<int64_t> starts = check_ragged_pool(weight_in, values_in, offsets);
  const c10::cuda::CUDAGuard guard(weight_in.device());
  const Tensor weight = weight_in.contiguous();
  const Tensor values = values_in.contiguous();
  const StretchTable table = table_of(starts, weight);
  const int64_t r = weight.size(1);
  const int64_t c = values.size(1);
  const Tensor sums = at::empty({table.count, r, c}, weight.options());
  Tensor out = at::empty({static_cast<int64_t>(starts.size()) - 1, r, c}, weight.options());
  AT_DISPATCH_FLOATING_TYPES(weight.scalar_type(), "ragged_pool", [&] {
    cuda::RaggedPoolParams<scalar_t> params{};
    params.weight = weight.const_data_ptr<scalar_t>();
    params.values = values.const_data_ptr<scalar_t>();
    params.stretches = table.stretches.const_data_ptr<int64_t>();
    params.first = table.first.const_data_ptr<int64_t>();
    params.sums = sums.mutable_data_ptr<scalar_t>();
    params.out = out.mutable_data_ptr<scalar_t>();
    params.count = table.count;
    params.clouds = out.size(0);
    params.r = r;
    params.c = c;
    cuda::launch_ragged_pool(params, c10::cuda::getCurrentCUDAStream());
  });
  return out;
}

Tensor ragged_expand_cuda(const Tensor& rows_in, const Tensor& matrices_in, const Tensor& offsets) {
  const std::vector<int64_t> starts = check_ragged_expand(rows_in, matrices_in, offsets);
  const c10::cuda::CUDAGuard guard(rows_in.device());
  const Tensor rows = rows_in.contiguous();
  const Tensor matrices = matrices_in.contiguous();
  const StretchTable table = table_of(starts, rows);
  Tensor out = at::empty({rows.size(0), matrices.size(2)}, rows.options());
  AT_DISPATCH_FLOATING_TYPES(rows.scalar_type(), "ragged_expand", [&] {
    cuda::RaggedExpandParams<scalar_t> params{};
    params.rows = rows.const_data_ptr<scalar_t>();
    params.matrices = matrices.const_data_ptr<scalar_t>();
    params.stretches = table.stretches.const_data_ptr<int64_t>();
    params.out = out.mutable_data_ptr<scalar_t>();
    params.count = table.count;
    params.k = rows.size(1);
    params.d = matrices.size(2);
    cuda::launch_ragged_expand(params, c10::cuda::getCurrentCUDAStream());
  });
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CUDA, m) {
  m.impl("ragged_softmax", &ragged_softmax_cuda);
  m.impl("ragged_pool", &ragged_pool_cuda);
  m.impl("ragged_expand", &ragged_expand_cuda);
}

}  // namespace pointattn::ops
