// SPDX-License-Identifier: Apache-2.0
#include "cuda/attention_tiles.h"
#include "cuda/offset_attention.h"
#include "pointattn/core/check.h"
#include "pointattn/ops/attention_cuda_tiles.h"
#include "pointattn/ops/offset_attention_schema.h"

#include <ATen/Context.h>
#include <ATen/Dispatch.h>
#include <ATen/Functions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <functional>
#include <tuple>
#include <vector>

namespace pointattn::ops {
namespace {

template <typename T>
cuda::OffsetAttentionInputs<T> inputs_of(const at::Tensor& q,
                                         const at::Tensor& k,
                                         const at::Tensor& v,
                                         const CudaTiles& tiles) {
  return {cuda_data<T>(q),
          cuda_data<T>(k),
          cuda_data<T>(v),
          tiles.params(),
          q.size(0),
          q.size(1),
          v.size(1),
          at::globalContext().allowTF32CuBLAS()};
}

OffsetAttentionResult forward_cuda(const at::Tensor& q_in,
                                   const at::Tensor& k_in,
                                   const at::Tensor& v_in,
                                   const at::Tensor& offsets) {
  check_offset_attention(q_in, k_in, v_in);
  const c10::cuda::CUDAGuard guard(q_in.device());
  const std::vector<int64_t> starts =
      checked_offsets("offset_attention", offsets, "offsets", q_in.size(0));
  const at::Tensor q = q_in.contiguous();
  const at::Tensor k = k_in.contiguous();
  const at::Tensor v = v_in.contiguous();
  OffsetAttentionResult result = empty_offset_attention_result(q, v);
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kHalf, at::kBFloat16, q.scalar_type(), "offset_attention", [&] {
        using T = typename CudaNumber<scalar_t>::Type;
        using Row = cuda::Statistic<T>;
        const CudaTiles tiles = cuda_tiles(starts, starts, cuda::kAttentionTile<T>, q);
        const cuda::OffsetAttentionForward<T> params{inputs_of<T>(q, k, v, tiles),
                                                     mutable_cuda_data<T>(std::get<0>(result)),
                                                     mutable_cuda_data<Row>(std::get<1>(result)),
                                                     mutable_cuda_data<Row>(std::get<2>(result)),
                                                     mutable_cuda_data<Row>(std::get<3>(result))};
        CudaScratch scratch(q.device());
        cuda::launch_offset_attention_forward(
            params, std::ref(scratch), c10::cuda::getCurrentCUDAStream());
      });
  return result;
}

OffsetAttentionGradients backward_cuda(const at::Tensor& grad_in,
                                       const at::Tensor& q_in,
                                       const at::Tensor& k_in,
                                       const at::Tensor& v_in,
                                       const at::Tensor& out_in,
                                       const at::Tensor& row_max_in,
                                       const at::Tensor& row_scale_in,
                                       const at::Tensor& column_scale_in,
                                       const at::Tensor& offsets,
                                       bool shared) {
  check_offset_attention_backward(
      grad_in, q_in, k_in, v_in, {out_in, row_max_in, row_scale_in, column_scale_in});
  const c10::cuda::CUDAGuard guard(q_in.device());
  const std::vector<int64_t> starts =
      checked_offsets("offset_attention", offsets, "offsets", q_in.size(0));
  const at::Tensor q = q_in.contiguous();
  const at::Tensor k = k_in.contiguous();
  const at::Tensor v = v_in.contiguous();
  const at::Tensor grad = grad_in.contiguous();
  const at::Tensor out = out_in.contiguous();
  const at::Tensor row_max = row_max_in.contiguous();
  const at::Tensor row_scale = row_scale_in.contiguous();
  const at::Tensor column_scale = column_scale_in.contiguous();
  const at::Tensor column_dot = at::empty_like(row_max);
  const at::Tensor row_dot = at::empty_like(row_max);
  OffsetAttentionGradients result = zero_offset_attention_gradients(q, k, v);
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kHalf, at::kBFloat16, q.scalar_type(), "offset_attention", [&] {
        using T = typename CudaNumber<scalar_t>::Type;
        using Row = cuda::Statistic<T>;
        const CudaTiles tiles = cuda_tiles(starts, starts, cuda::kAttentionTile<T>, q);
        const cuda::OffsetAttentionBackward<T> params{inputs_of<T>(q, k, v, tiles),
                                                      cuda_data<T>(grad),
                                                      cuda_data<T>(out),
                                                      cuda_data<Row>(row_max),
                                                      cuda_data<Row>(row_scale),
                                                      cuda_data<Row>(column_scale),
                                                      mutable_cuda_data<Row>(column_dot),
                                                      mutable_cuda_data<Row>(row_dot),
                                                      mutable_cuda_data<T>(std::get<0>(result)),
                                                      mutable_cuda_data<T>(std::get<1>(result)),
                                                      mutable_cuda_data<T>(std::get<2>(result))};
        CudaScratch scratch(q.device());
        cuda::launch_offset_attention_backward(
            params, std::ref(scratch), c10::cuda::getCurrentCUDAStream());
      });
  if (shared) return sum_of_shared(result);
  return result;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CUDA, m) {
  m.impl("_offset_attention_forward", &forward_cuda);
  m.impl("_offset_attention_backward", &backward_cuda);
}

}  // namespace pointattn::ops
