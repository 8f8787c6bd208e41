// SPDX-License-Identifier: Apache-2.0
// Forward pass of offset attention on tensor cores: the two kernels of cuda/offset_attention.cu over
// the tiles of cuda/tensor_tile.cuh. Each chunk of kWidth channels recomputes the scores.
#include "cuda/attention_tensor.h"
#include "cuda/tensor_tile.cuh"

namespace pointattn::cuda {
namespace tensor {
namespace {

template <typename T, int kTerms>
__global__ void __launch_bounds__(kBlock, 2) row_statistics(OffsetAttentionForward<T> p) {
#ifdef POINTATTN_TENSOR_CORES
  __shared__ Shared<T> shared;
  const TileRange range = tile_range<T>(p.inputs.tiles);
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const HeadMatrix<T> q = head_of(p.inputs.q, 0, 1, p.inputs.depth);
  const HeadMatrix<T> k = head_of(p.inputs.k, 0, 1, p.inputs.depth);
  float max = kLowest<float>;
  float sum = 0;
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kTile) {
    tile_products<kTerms>(
        q, range.begin, range.end, k, c0, range.columns_end, stays(q, c0, range), shared);
    float scores[kScores];
    get_scores(shared, scores);
    float best = max;
    for (int b = 0; b < kScores; ++b) {
      const bool inside = c0 + lane + b * kLanes < range.columns_end;
      if (inside && scores[b] > best) best = scores[b];
    }
    sum *= exp(max - best);
    for (int b = 0; b < kScores; ++b) {
      if (c0 + lane + b * kLanes < range.columns_end) sum += exp(scores[b] - best);
    }
    max = best;
  }
  const float best = max_of_row(max);
  const float total = sum_of_row(sum * exp(max - best));
  const int64_t row = range.begin + static_cast<int>(threadIdx.x) / kLanes;
  if (lane == 0 && row < range.end) {
    p.row_max[row] = best;
    p.row_scale[row] = 1.0F / total;
  }
#else
  __trap();
#endif
}

/// Rows are the points j that receive, columns the points i that give.
template <typename T, int kTerms, int kHeld>
__global__ void __launch_bounds__(kBlock, 2) outputs(OffsetAttentionForward<T> p) {
#ifdef POINTATTN_TENSOR_CORES
  __shared__ Shared<T> shared;
  const TileRange range = tile_range<T>(p.inputs.tiles);
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const HeadMatrix<T> q = head_of(p.inputs.q, 0, 1, p.inputs.depth);
  const HeadMatrix<T> k = head_of(p.inputs.k, 0, 1, p.inputs.depth);
  const HeadMatrix<T> v = head_of(p.inputs.v, 0, 1, p.inputs.width);
  const WarpPart part = warp_part(v.width - first);
  WarpSums<T, kHeld> sums;
  clear<T, kHeld>(sums);
  float total = 0;
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kTile) {
    tile_products<kTerms>(
        k, range.begin, range.end, q, c0, range.columns_end, stays(k, c0, range), shared);
    float weights[kScores];
    get_scores(shared, weights);
    for (int b = 0; b < kScores; ++b) {
      const int64_t i = c0 + lane + b * kLanes;
      const float weight =
          i < range.columns_end ? exp(weights[b] - p.row_max[i]) * p.row_scale[i] : 0.0F;
      total += weight;
      weights[b] = weight * kWeightUnit<T>;
    }
    put_weights(weights, shared);
    add_weighted<kTerms, kHeld>(v, c0, range.columns_end, first, part, shared, sums);
  }
  const float scale = 1.0F / (1e-9F + sum_of_row(total));
  const int64_t row = range.begin + static_cast<int>(threadIdx.x) / kLanes;
  if (blockIdx.y == 0 && lane == 0 && row < range.end) p.column_scale[row] = scale;
  store_sums<kHeld>(
      sums, part, scale / kWeightUnit<T>, range, v.width, v.stride, first, shared, p.out);
#else
  __trap();
#endif
}

template <typename T, int kTerms>
void launch_forward(const OffsetAttentionForward<T>& params, cudaStream_t stream) {
  const dim3 grid = sum_grid(params.inputs.num_tiles, params.inputs.width, 1, kWidth);
  row_statistics<T, kTerms><<<grid.x, kBlock, 0, stream>>>(params);
  check_launch("offset_attention: row statistics");
  if (params.inputs.width > kNarrow) {
    outputs<T, kTerms, 2><<<grid, kBlock, 0, stream>>>(params);
  } else {
    outputs<T, kTerms, 1><<<grid, kBlock, 0, stream>>>(params);
  }
  check_launch("offset_attention: outputs");
}

}  // namespace
}  // namespace tensor

template <typename T>
void launch_offset_attention_forward_on_tensor_cores(const OffsetAttentionForward<T>& params,
                                                     cudaStream_t stream) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (!params.inputs.tf32) return tensor::launch_forward<T, 3>(params, stream);
  }
  tensor::launch_forward<T, 1>(params, stream);
}

template void launch_offset_attention_forward_on_tensor_cores<float>(
    const OffsetAttentionForward<float>&, cudaStream_t);
template void launch_offset_attention_forward_on_tensor_cores<__half>(
    const OffsetAttentionForward<__half>&, cudaStream_t);
template void launch_offset_attention_forward_on_tensor_cores<__nv_bfloat16>(
    const OffsetAttentionForward<__nv_bfloat16>&, cudaStream_t);

}  // namespace pointattn::cuda
