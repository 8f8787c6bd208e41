// SPDX-License-Identifier: Apache-2.0
#include "cuda/attention.h"
#include "pointattn/ops/attention_cuda_tiles.h"
#include "pointattn/ops/attention_schema.h"

#include <ATen/Context.h>
#include <ATen/Dispatch.h>
#include <ATen/Functions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <functional>
#include <tuple>

namespace pointattn::ops {
namespace {

/// Contiguous inputs and the tiles of the queries, as long as a kernel may read them.
template <typename T>
struct DeviceInputs {
  at::Tensor q, k, v, bias;
  CudaTiles query_tiles;
  double scale;

  DeviceInputs(const AttentionInputs& inputs, const AttentionOffsets& offsets)
      : q(inputs.q.contiguous()),
        k(inputs.k.contiguous()),
        v(inputs.v.contiguous()),
        bias(inputs.bias ? inputs.bias->contiguous() : at::Tensor()),
        query_tiles(cuda_tiles(offsets.queries, offsets.keys, cuda::kAttentionTile<T>, q)),
        scale(inputs.scale) {}

  cuda::AttentionInputs<T> params() const {
    return {cuda_data<T>(q),
            cuda_data<T>(k),
            cuda_data<T>(v),
            bias.defined() ? cuda_data<T>(bias) : nullptr,
            query_tiles.params(),
            q.size(0),
            k.size(0),
            q.size(1),
            q.size(2),
            v.size(2),
            static_cast<cuda::Statistic<T>>(scale),
            at::globalContext().allowTF32CuBLAS()};
  }
};

AttentionResult forward_cuda(const at::Tensor& q,
                             const at::Tensor& k,
                             const at::Tensor& v,
                             const at::Tensor& query_offsets,
                             const at::Tensor& key_offsets,
                             const std::optional<at::Tensor>& bias,
                             double scale) {
  const AttentionInputs inputs{q, k, v, query_offsets, key_offsets, bias, scale};
  check_attention(inputs);
  const c10::cuda::CUDAGuard guard(q.device());
  const AttentionOffsets offsets = checked_attention_offsets(inputs);
  AttentionResult result = empty_attention_result(inputs);
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, q.scalar_type(), "attention", [&] {
    using T = typename CudaNumber<scalar_t>::Type;
    using Row = cuda::Statistic<T>;
    const DeviceInputs<T> device(inputs, offsets);
    const cuda::AttentionForward<T> params{device.params(),
                                           mutable_cuda_data<T>(std::get<0>(result)),
                                           mutable_cuda_data<Row>(std::get<1>(result)),
                                           mutable_cuda_data<Row>(std::get<2>(result))};
    CudaScratch scratch(device.q.device());
    cuda::launch_attention_forward(params, std::ref(scratch), c10::cuda::getCurrentCUDAStream());
  });
  return result;
}

AttentionGradients backward_cuda(const at::Tensor& grad_in,
                                 const at::Tensor& q,
                                 const at::Tensor& k,
                                 const at::Tensor& v,
                                 const at::Tensor& query_offsets,
                                 const at::Tensor& key_offsets,
                                 const std::optional<at::Tensor>& bias,
                                 double scale,
                                 const at::Tensor& out_in,
                                 const at::Tensor& row_max_in,
                                 const at::Tensor& row_scale_in) {
  const AttentionInputs inputs{q, k, v, query_offsets, key_offsets, bias, scale};
  check_attention_backward(grad_in, inputs, {out_in, row_max_in, row_scale_in});
  const c10::cuda::CUDAGuard guard(q.device());
  const AttentionOffsets offsets = checked_attention_offsets(inputs);
  const at::Tensor grad = grad_in.contiguous();
  const at::Tensor out = out_in.contiguous();
  const at::Tensor row_max = row_max_in.contiguous();
  const at::Tensor row_scale = row_scale_in.contiguous();
  const at::Tensor row_dot = at::empty_like(row_max);
  AttentionGradients result = zero_attention_gradients(inputs);
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, q.scalar_type(), "attention", [&] {
    using T = typename CudaNumber<scalar_t>::Type;
    using Row = cuda::Statistic<T>;
    const DeviceInputs<T> device(inputs, offsets);
    const CudaTiles key_tiles =
        cuda_tiles(offsets.keys, offsets.queries, cuda::kAttentionTile<T>, q);
    const cuda::AttentionBackward<T> params{
        device.params(),
        key_tiles.params(),
        cuda_data<T>(grad),
        cuda_data<T>(out),
        cuda_data<Row>(row_max),
        cuda_data<Row>(row_scale),
        mutable_cuda_data<Row>(row_dot),
        mutable_cuda_data<T>(std::get<0>(result)),
        mutable_cuda_data<T>(std::get<1>(result)),
        mutable_cuda_data<T>(std::get<2>(result)),
        bias ? mutable_cuda_data<T>(std::get<3>(result)) : nullptr};
    CudaScratch scratch(device.q.device());
    cuda::launch_attention_backward(params, std::ref(scratch), c10::cuda::getCurrentCUDAStream());
  });
  return result;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CUDA, m) {
  m.impl("_attention_forward", &forward_cuda);
  m.impl("_attention_backward", &backward_cuda);
}

}  // namespace pointattn::ops
