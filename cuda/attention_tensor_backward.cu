// SPDX-License-Identifier: Apache-2.0
// Backward pass of plain attention on tensor cores: the steps of cuda/attention_backward.cu over the
// tiles of cuda/tensor_tile.cuh.
#include "cuda/attention_tensor.h"
#include "cuda/tensor_tile.cuh"

namespace pointattn::cuda {
namespace tensor {
namespace {

#ifdef POINTATTN_TENSOR_CORES

/// P_ij from its product q_i · k_j.
template <typename T>
__device__ float map_weight(
    const AttentionBackward<T>& p, float product, int64_t i, int64_t j, int64_t head) {
  const AttentionInputs<T>& in = p.inputs;
  const float bias = in.bias != nullptr ? static_cast<float>(in.bias[j * in.heads + head]) : 0.0F;
  const int64_t row = head * in.queries + i;
  return exp(product * in.scale + bias - p.row_max[row]) * p.row_scale[row];
}

#endif

/// grad_k and grad_bias with rows j and columns i if kKeys, else grad_q with rows i and columns j.
template <typename T, int kTerms, int kHeld, bool kKeys>
__global__ void __launch_bounds__(kBlock, 2) score_gradients(AttentionBackward<T> p) {
#ifdef POINTATTN_TENSOR_CORES
  __shared__ Shared<T> shared;
  const AttentionInputs<T>& in = p.inputs;
  const TileRange range = tile_range<T>(kKeys ? p.key_tiles : in.query_tiles);
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int64_t row = range.begin + static_cast<int>(threadIdx.x) / kLanes;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const int64_t head = blockIdx.z;
  const HeadMatrix<T> x = head_of(kKeys ? in.k : in.q, head, in.heads, in.depth);
  const HeadMatrix<T> y = head_of(kKeys ? in.q : in.k, head, in.heads, in.depth);
  const HeadMatrix<T> x_values = head_of(kKeys ? in.v : p.grad, head, in.heads, in.width);
  const HeadMatrix<T> y_values = head_of(kKeys ? p.grad : in.v, head, in.heads, in.width);
  const WarpPart part = warp_part(x.width - first);
  WarpSums<T, kHeld> sums;
  clear<T, kHeld>(sums);
  float total = 0;
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kTile) {
    float weights[kScores];
    float products[kScores];
    tile_products<kTerms>(x, range.begin, range.end, y, c0, range.columns_end, false, shared);
    get_scores(shared, weights);
    tile_products<kTerms>(
        x_values, range.begin, range.end, y_values, c0, range.columns_end, false, shared);
    get_scores(shared, products);
    for (int b = 0; b < kScores; ++b) {
      const int64_t column = c0 + lane + b * kLanes;
      float gradient = 0;
      if (row < range.end && column < range.columns_end) {
        const int64_t i = kKeys ? column : row;
        const int64_t j = kKeys ? row : column;
        gradient =
            map_weight(p, weights[b], i, j, head) * (products[b] - p.row_dot[i * in.heads + head]);
      }
      total += gradient;
      weights[b] = gradient;
    }
    put_weights(weights, shared);
    add_weighted<kTerms, kHeld>(y, c0, range.columns_end, first, part, shared, sums);
  }
  if (kKeys && p.grad_bias != nullptr) {
    const float sum = sum_of_row(total);
    if (blockIdx.y == 0 && lane == 0 && row < range.end)
      p.grad_bias[row * in.heads + head] = T(sum);
  }
  T* const to = (kKeys ? p.grad_k : p.grad_q) + head * in.depth;
  store_sums<kHeld>(sums, part, in.scale, range, x.width, x.stride, first, shared, to);
#else
  __trap();
#endif
}

/// Rows j, columns i.
template <typename T, int kTerms, int kHeld>
__global__ void __launch_bounds__(kBlock, 2) value_gradients(AttentionBackward<T> p) {
#ifdef POINTATTN_TENSOR_CORES
  __shared__ Shared<T> shared;
  const AttentionInputs<T>& in = p.inputs;
  const TileRange range = tile_range<T>(p.key_tiles);
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int64_t row = range.begin + static_cast<int>(threadIdx.x) / kLanes;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const int64_t head = blockIdx.z;
  const HeadMatrix<T> q = head_of(in.q, head, in.heads, in.depth);
  const HeadMatrix<T> k = head_of(in.k, head, in.heads, in.depth);
  const HeadMatrix<T> grad = head_of(p.grad, head, in.heads, in.width);
  const WarpPart part = warp_part(grad.width - first);
  WarpSums<T, kHeld> sums;
  clear<T, kHeld>(sums);
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kTile) {
    tile_products<kTerms>(
        k, range.begin, range.end, q, c0, range.columns_end, stays(k, c0, range), shared);
    float weights[kScores];
    get_scores(shared, weights);
    for (int b = 0; b < kScores; ++b) {
      const int64_t i = c0 + lane + b * kLanes;
      const bool inside = row < range.end && i < range.columns_end;
      weights[b] = inside ? map_weight(p, weights[b], i, row, head) * kWeightUnit<T> : 0.0F;
    }
    put_weights(weights, shared);
    add_weighted<kTerms, kHeld>(grad, c0, range.columns_end, first, part, shared, sums);
  }
  T* const to = p.grad_v + head * in.width;
  const float scale = 1.0F / kWeightUnit<T>;
  store_sums<kHeld>(sums, part, scale, range, grad.width, grad.stride, first, shared, to);
#else
  __trap();
#endif
}

template <typename T, int kTerms, int kHeld>
void launch_score_gradients(const AttentionBackward<T>& params, cudaStream_t stream) {
  const AttentionInputs<T>& in = params.inputs;
  if (in.num_query_tiles > 0) {
    const dim3 grid = sum_grid(in.num_query_tiles, in.depth, in.heads, kWidth);
    score_gradients<T, kTerms, kHeld, false><<<grid, kBlock, 0, stream>>>(params);
    check_launch("attention: query gradients");
  }
  if (params.num_key_tiles > 0) {
    const dim3 grid = sum_grid(params.num_key_tiles, in.depth, in.heads, kWidth);
    score_gradients<T, kTerms, kHeld, true><<<grid, kBlock, 0, stream>>>(params);
    check_launch("attention: key gradients");
  }
}

template <typename T, int kTerms>
void launch_backward(const AttentionBackward<T>& params, cudaStream_t stream) {
  const AttentionInputs<T>& in = params.inputs;
  launch_row_products<false>(
      params.out, params.grad, in.queries * in.heads, in.width, params.row_dot, stream);
  if (in.depth > kNarrow) {
    launch_score_gradients<T, kTerms, 2>(params, stream);
  } else {
    launch_score_gradients<T, kTerms, 1>(params, stream);
  }
  if (params.num_key_tiles == 0) return;
  const dim3 grid = sum_grid(params.num_key_tiles, in.width, in.heads, kWidth);
  if (in.width > kNarrow) {
    value_gradients<T, kTerms, 2><<<grid, kBlock, 0, stream>>>(params);
  } else {
    value_gradients<T, kTerms, 1><<<grid, kBlock, 0, stream>>>(params);
  }
  check_launch("attention: value gradients");
}

}  // namespace
}  // namespace tensor

template <typename T>
void launch_attention_backward_on_tensor_cores(const AttentionBackward<T>& params,
                                               cudaStream_t stream) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (!params.inputs.tf32) return tensor::launch_backward<T, 3>(params, stream);
  }
  tensor::launch_backward<T, 1>(params, stream);
}

template void launch_attention_backward_on_tensor_cores<float>(const AttentionBackward<float>&,
                                                               cudaStream_t);
template void launch_attention_backward_on_tensor_cores<__half>(const AttentionBackward<__half>&,
                                                                cudaStream_t);
template void launch_attention_backward_on_tensor_cores<__nv_bfloat16>(
    const AttentionBackward<__nv_bfloat16>&, cudaStream_t);

}  // namespace pointattn::cuda
