// SPDX-License-Identifier: Apache-2.0
#include "cuda/vector_attention.h"
#include "pointattn/ops/vector_attention_inputs.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

namespace pointattn::ops {
namespace {

using at::Tensor;

/// The weights' pointers, of tensors that are contiguous.
template <typename T>
void set_weights(cuda::VectorAttentionParams<T>& params, const VectorAttentionWeights& w) {
  params.position_weight = w.position_weight.const_data_ptr<T>();
  params.position_bias = w.position_bias.const_data_ptr<T>();
  params.offset_weight = w.offset_weight.const_data_ptr<T>();
  params.offset_bias = w.offset_bias.const_data_ptr<T>();
  params.scale = w.scale.const_data_ptr<T>();
  params.shift = w.shift.const_data_ptr<T>();
  params.hidden_weight = w.hidden_weight.const_data_ptr<T>();
  params.hidden_bias = w.hidden_bias.const_data_ptr<T>();
  params.logit_weight = w.logit_weight.const_data_ptr<T>();
  params.logit_bias = w.logit_bias.const_data_ptr<T>();
}

template <typename T>
void set_rows(const Tensor& rows, const T*& first, int64_t& stride) {
  first = rows.const_data_ptr<T>();
  stride = rows.stride(0);
}

VectorAttentionWeights contiguous(VectorAttentionWeights w) {
  for (Tensor* weight : {&w.position_weight,
                         &w.position_bias,
                         &w.offset_weight,
                         &w.offset_bias,
                         &w.scale,
                         &w.shift,
                         &w.hidden_weight,
                         &w.hidden_bias,
                         &w.logit_weight,
                         &w.logit_bias}) {
    *weight = weight->contiguous();
  }
  return w;
}

Tensor vector_attention_cuda(const Tensor& xyz_in,
                             const Tensor& query_in,
                             const Tensor& key_in,
                             const Tensor& value_in,
                             const Tensor& index_in,
                             at::TensorList weights) {
  const c10::cuda::CUDAGuard guard(query_in.device());
  const VectorAttentionWeights w =
      contiguous(check_vector_attention(xyz_in, query_in, key_in, value_in, index_in, weights));
  const Tensor xyz = xyz_in.contiguous(), index = index_in.contiguous();
  const Tensor query = with_dense_rows(query_in), key = with_dense_rows(key_in),
               value = with_dense_rows(value_in);
  const Tensor out = at::empty(query.sizes(), query.options());
  AT_DISPATCH_FLOATING_TYPES(query.scalar_type(), "vector_attention", [&] {
    cuda::VectorAttentionParams<scalar_t> params{};
    params.xyz = xyz.const_data_ptr<scalar_t>();
    set_rows(query, params.query, params.query_stride);
    set_rows(key, params.key, params.key_stride);
    set_rows(value, params.value, params.value_stride);
    params.index = index.const_data_ptr<int64_t>();
    set_weights(params, w);
    params.out = out.mutable_data_ptr<scalar_t>();
    params.points = query.size(0);
    params.neighbors = index.size(1);
    params.channels = query.size(1);
    params.groups = w.logit_bias.size(0);
    cuda::launch_vector_attention(params, c10::cuda::getCurrentCUDAStream());
  });
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CUDA, m) { m.impl("vector_attention", &vector_attention_cuda); }

}  // namespace pointattn::ops
