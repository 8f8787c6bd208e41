// SPDX-License-Identifier: Apache-2.0
// Backward pass of offset attention on tensor cores: the steps of cuda/offset_attention_backward.cu
// over the tiles of cuda/tensor_tile.cuh.
#include "cuda/attention_tensor.h"
#include "cuda/tensor_tile.cuh"

namespace pointattn::cuda {
namespace tensor {
namespace {

/// grad_v, and u in row_dot.
template <typename T, int kTerms, int kHeld>
__global__ void __launch_bounds__(kBlock, 2) value_gradients(OffsetAttentionBackward<T> p) {
#ifdef POINTATTN_TENSOR_CORES
  __shared__ Shared<T> shared;
  const TileRange range = tile_range<T>(p.inputs.tiles);
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int64_t row = range.begin + static_cast<int>(threadIdx.x) / kLanes;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const HeadMatrix<T> q = head_of(p.inputs.q, 0, 1, p.inputs.depth);
  const HeadMatrix<T> k = head_of(p.inputs.k, 0, 1, p.inputs.depth);
  const HeadMatrix<T> grad = head_of(p.grad, 0, 1, p.inputs.width);
  const float max = row < range.end ? p.row_max[row] : 0.0F;
  const float scale = row < range.end ? p.row_scale[row] : 0.0F;
  const WarpPart part = warp_part(grad.width - first);
  WarpSums<T, kHeld> sums;
  clear<T, kHeld>(sums);
  float dot = 0;
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kTile) {
    tile_products<kTerms>(
        q, range.begin, range.end, k, c0, range.columns_end, stays(q, c0, range), shared);
    float weights[kScores];
    get_scores(shared, weights);
    for (int b = 0; b < kScores; ++b) {
      const int64_t j = c0 + lane + b * kLanes;
      const bool inside = row < range.end && j < range.columns_end;
      const float weight =
          inside ? exp(weights[b] - max) * scale * p.column_scale[j] : 0.0F;  // A_ij <= 1
      if (inside) dot += weight * p.column_dot[j];
      weights[b] = weight * kWeightUnit<T>;
    }
    put_weights(weights, shared);
    add_weighted<kTerms, kHeld>(grad, c0, range.columns_end, first, part, shared, sums);
  }
  const float total = sum_of_row(dot);
  if (blockIdx.y == 0 && lane == 0 && row < range.end) p.row_dot[row] = total;
  const float unit = 1.0F / kWeightUnit<T>;
  store_sums<kHeld>(sums, part, unit, range, grad.width, grad.stride, first, shared, p.grad_v);
#else
  __trap();
#endif
}

/// grad_k with rows j and columns i if kKeys, else grad_q with rows i and columns j.
template <typename T, int kTerms, int kHeld, bool kKeys>
__global__ void __launch_bounds__(kBlock, 2) score_gradients(OffsetAttentionBackward<T> p) {
#ifdef POINTATTN_TENSOR_CORES
  __shared__ Shared<T> shared;
  const TileRange range = tile_range<T>(p.inputs.tiles);
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int64_t row = range.begin + static_cast<int>(threadIdx.x) / kLanes;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const int64_t depth = p.inputs.depth;
  const int64_t width = p.inputs.width;
  const HeadMatrix<T> x = head_of(kKeys ? p.inputs.k : p.inputs.q, 0, 1, depth);
  const HeadMatrix<T> y = head_of(kKeys ? p.inputs.q : p.inputs.k, 0, 1, depth);
  const HeadMatrix<T> x_values = head_of(kKeys ? p.grad : p.inputs.v, 0, 1, width);
  const HeadMatrix<T> y_values = head_of(kKeys ? p.inputs.v : p.grad, 0, 1, width);
  const WarpPart part = warp_part(depth - first);
  WarpSums<T, kHeld> sums;
  clear<T, kHeld>(sums);
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
        const float map = exp(weights[b] - p.row_max[i]) * p.row_scale[i];
        gradient = map * (p.column_scale[j] * (products[b] - p.column_dot[j]) - p.row_dot[i]);
      }
      weights[b] = gradient;
    }
    put_weights(weights, shared);
    add_weighted<kTerms, kHeld>(y, c0, range.columns_end, first, part, shared, sums);
  }
  T* const to = kKeys ? p.grad_k : p.grad_q;
  store_sums<kHeld>(sums, part, 1.0F, range, depth, depth, first, shared, to);
#else
  __trap();
#endif
}

template <typename T, int kTerms, int kHeld>
void launch_score_gradients(const OffsetAttentionBackward<T>& params,
                            dim3 grid,
                            cudaStream_t stream) {
  score_gradients<T, kTerms, kHeld, false><<<grid, kBlock, 0, stream>>>(params);
  check_launch("offset_attention: query gradients");
  score_gradients<T, kTerms, kHeld, true><<<grid, kBlock, 0, stream>>>(params);
  check_launch("offset_attention: key gradients");
}

template <typename T, int kTerms>
void launch_backward(const OffsetAttentionBackward<T>& params, cudaStream_t stream) {
  const OffsetAttentionInputs<T>& inputs = params.inputs;
  const dim3 value_grid = sum_grid(inputs.num_tiles, inputs.width, 1, kWidth);
  const dim3 score_grid = sum_grid(inputs.num_tiles, inputs.depth, 1, kWidth);
  launch_row_products<false>(
      params.out, params.grad, inputs.rows, inputs.width, params.column_dot, stream);
  if (inputs.width > kNarrow) {
    value_gradients<T, kTerms, 2><<<value_grid, kBlock, 0, stream>>>(params);
  } else {
    value_gradients<T, kTerms, 1><<<value_grid, kBlock, 0, stream>>>(params);
  }
  check_launch("offset_attention: value gradients");
  launch_row_products<true>(
      inputs.v, params.grad_v, inputs.rows, inputs.width, params.row_dot, stream);
  if (inputs.depth > kNarrow) {
    launch_score_gradients<T, kTerms, 2>(params, score_grid, stream);
  } else {
    launch_score_gradients<T, kTerms, 1>(params, score_grid, stream);
  }
}

}  // namespace
}  // namespace tensor

template <typename T>
void launch_offset_attention_backward_on_tensor_cores(const OffsetAttentionBackward<T>& params,
                                                      cudaStream_t stream) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (!params.inputs.tf32) return tensor::launch_backward<T, 3>(params, stream);
  }
  tensor::launch_backward<T, 1>(params, stream);
}

template void launch_offset_attention_backward_on_tensor_cores<float>(
    const OffsetAttentionBackward<float>&, cudaStream_t);
template void launch_offset_attention_backward_on_tensor_cores<__half>(
    const OffsetAttentionBackward<__half>&, cudaStream_t);
template void launch_offset_attention_backward_on_tensor_cores<__nv_bfloat16>(
    const OffsetAttentionBackward<__nv_bfloat16>&, cudaStream_t);

}  // namespace pointattn::cuda
