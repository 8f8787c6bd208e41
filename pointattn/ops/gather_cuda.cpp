// SPDX-License-Identifier: Apache-2.0
#include "cuda/gather.h"
#include "pointattn/ops/gather_inputs.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

namespace pointattn::ops {
namespace {

using at::Tensor;

cuda::Element element_of(const Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return cuda::Element::kFloat32;
    case at::kDouble:
      return cuda::Element::kFloat64;
    case at::kHalf:
      return cuda::Element::kFloat16;
    case at::kBFloat16:
      return cuda::Element::kBFloat16;
    default:
      TORCH_CHECK_VALUE(false,
                        "gather: expected float16, bfloat16, float32 or float64, got ",
                        tensor.scalar_type());
  }
}

/// Costs one synchronisation: an index out of range would read foreign memory.
void check_range(const Tensor& index, int64_t rows) {
  if (index.numel() == 0) return;
  const auto [lowest, highest] = at::aminmax(index);
  check_index_range(lowest.item<int64_t>(), highest.item<int64_t>(), rows);
}

void launch(const Tensor& feat, const Tensor& index, const Tensor& weight, const Tensor& out) {
  cuda::GatherParams params{};
  params.feat = feat.const_data_ptr();
  params.index = index.const_data_ptr<int64_t>();
  params.weight = weight.defined() ? weight.const_data_ptr() : nullptr;
  params.out = out.mutable_data_ptr();
  params.k = weight.defined() ? index.size(1) : 1;
  params.rows = weight.defined() ? index.size(0) : index.numel();
  params.channels = feat.size(1);
  cuda::launch_gather(params, element_of(feat), c10::cuda::getCurrentCUDAStream());
}

Tensor gather_cuda(const Tensor& feat, const Tensor& index) {
  check_gather(feat, index);
  const c10::cuda::CUDAGuard guard(feat.device());
  check_range(index, feat.size(0));
  std::vector<int64_t> shape = index.sizes().vec();
  shape.push_back(feat.size(1));
  const Tensor out = at::empty(shape, feat.options());
  launch(feat.contiguous(), index.contiguous(), {}, out);
  return out;
}

Tensor weighted_gather_cuda(const Tensor& feat, const Tensor& index, const Tensor& weight) {
  check_weighted_gather(feat, index, weight);
  const c10::cuda::CUDAGuard guard(feat.device());
  check_range(index, feat.size(0));
  const Tensor out = at::empty({index.size(0), feat.size(1)}, feat.options());
  launch(feat.contiguous(), index.contiguous(), weight.contiguous(), out);
  return out;
}

Tensor gather_backward_cuda(const Tensor& grad_in,
                            const Tensor& index,
                            const std::optional<Tensor>& weight_in,
                            int64_t rows) {
  check_gather_backward(grad_in, index, weight_in, rows);
  const c10::cuda::CUDAGuard guard(grad_in.device());
  check_range(index, rows);
  const Tensor grad = grad_in.contiguous();
  const Tensor weight = weight_in ? weight_in->contiguous() : Tensor();
  const Tensor flat = index.reshape(-1);
  // The places of −1 come first in the sorted order, before the start of row 0.
  const auto [sorted, order] = at::sort(flat, /*stable=*/true, /*dim=*/0, /*descending=*/false);
  const Tensor starts = at::searchsorted(sorted, at::arange(rows + 1, index.options()));
  const Tensor out = at::empty({rows, grad.size(1)}, grad.options());
  cuda::GatherBackwardParams params{};
  params.grad = grad.const_data_ptr();
  params.order = order.const_data_ptr<int64_t>();
  params.starts = starts.const_data_ptr<int64_t>();
  params.weight = weight.defined() ? weight.const_data_ptr() : nullptr;
  params.out = out.mutable_data_ptr();
  params.rows = rows;
  params.k = weight.defined() ? index.size(1) : 1;
  params.channels = grad.size(1);
  cuda::launch_gather_backward(params, element_of(grad), c10::cuda::getCurrentCUDAStream());
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CUDA, m) {
  m.impl("gather", &gather_cuda);
  m.impl("_weighted_gather", &weighted_gather_cuda);
  m.impl("_gather_backward", &gather_backward_cuda);
}

}  // namespace pointattn::ops
