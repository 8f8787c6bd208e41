// SPDX-License-Identifier: Apache-2.0
// Forward pass of plain attention on tensor cores: the walk of cuda/attention.cu over the tiles of
// cuda/tensor_tile.cuh. Each chunk of kWidth channels recomputes the scores.
#include "cuda/attention_tensor.h"
#include "cuda/tensor_tile.cuh"

namespace pointattn::cuda {
namespace tensor {
namespace {

#ifdef POINTATTN_TENSOR_CORES

// The score of a column that is not there, as of one whose bias masks it.
constexpr float kMasked = -std::numeric_limits<float>::infinity();

struct alignas(128) Factors {
  float numbers[kTile * kFragment];
};

/// What a row has summed so far times its own factor. No thread knows which elements of a fragment
/// it holds: the factors come as matrices of equal columns, of kFragment numbers a row.
template <typename T, int kHeld>
__device__ void scale_rows(float factor,
                           const WarpPart& part,
                           float* factors,
                           Sum<T> (&sums)[kHeld][2]) {
  const int row = static_cast<int>(threadIdx.x) / kLanes;
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  for (int b = 0; b < kFragment / kLanes; ++b)
    factors[row * kFragment + lane + b * kLanes] = factor;
  __syncthreads();
#pragma unroll
  for (int a = 0; a < kHeld; ++a) {
    if (a >= part.rows) break;
    Sum<T> factor_of;
    wmma::load_matrix_sync(factor_of,
                           factors + (part.row + a * kFragment) * kFragment,
                           kFragment,
                           wmma::mem_row_major);
#pragma unroll
    for (int b = 0; b < 2; ++b) {
      for (int i = 0; i < factor_of.num_elements; ++i) sums[a][b].x[i] *= factor_of.x[i];
    }
  }
}

/// The running maximum and sum of a row, and by how much its sum shrinks with this tile, whose
/// scores become weights.
struct RunningRow {
  float max, total;

  __device__ float add(float (&scores)[kScores]) {
    float best = max;
    for (int b = 0; b < kScores; ++b) best = scores[b] > best ? scores[b] : best;
    best = max_of_row(best);
    const float factor = exp(max - best);
    total *= factor;
    max = best;
    for (int b = 0; b < kScores; ++b) {
      scores[b] = exp(scores[b] - best);
      total += scores[b];
    }
    return factor;
  }
};

#endif

template <typename T, int kTerms, int kHeld>
__global__ void __launch_bounds__(kBlock, 2) attend(AttentionForward<T> p) {
#ifdef POINTATTN_TENSOR_CORES
  __shared__ Shared<T> shared;
  __shared__ Factors factors;
  const AttentionInputs<T>& in = p.inputs;
  const TileRange range = tile_range<T>(in.query_tiles);
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const int64_t head = blockIdx.z;
  const HeadMatrix<T> q = head_of(in.q, head, in.heads, in.depth);
  const HeadMatrix<T> k = head_of(in.k, head, in.heads, in.depth);
  const HeadMatrix<T> v = head_of(in.v, head, in.heads, in.width);
  const WarpPart part = warp_part(v.width - first);
  WarpSums<T, kHeld> sums;
  clear<T, kHeld>(sums);
  RunningRow running{kLowest<float>, 0.0F};
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kTile) {
    tile_products<kTerms>(
        q, range.begin, range.end, k, c0, range.columns_end, stays(q, c0, range), shared);
    float scores[kScores];
    get_scores(shared, scores);
    for (int b = 0; b < kScores; ++b) {
      const int64_t column = c0 + lane + b * kLanes;
      const bool inside = column < range.columns_end;
      const float bias = inside && in.bias != nullptr
                             ? static_cast<float>(in.bias[column * in.heads + head])
                             : 0.0F;
      scores[b] = inside ? scores[b] * in.scale + bias : kMasked;
    }
    const float factor = running.add(scores);
    put_weights(scores, shared);
    scale_rows<T, kHeld>(factor, part, factors.numbers, sums);
    add_weighted<kTerms, kHeld>(v, c0, range.columns_end, first, part, shared, sums);
  }
  const float total = sum_of_row(running.total);
  const float scale = total == 0.0F ? 0.0F : 1.0F / total;
  const int64_t row = range.begin + static_cast<int>(threadIdx.x) / kLanes;
  if (blockIdx.y == 0 && lane == 0 && row < range.end) {
    p.row_max[head * in.queries + row] = running.max;
    p.row_scale[head * in.queries + row] = scale;
  }
  store_sums<kHeld>(
      sums, part, scale, range, v.width, v.stride, first, shared, p.out + head * in.width);
#else
  __trap();
#endif
}

template <typename T, int kTerms>
void launch_forward(const AttentionForward<T>& params, cudaStream_t stream) {
  const AttentionInputs<T>& in = params.inputs;
  const dim3 grid = sum_grid(in.num_query_tiles, in.width, in.heads, kWidth);
  if (in.width > kNarrow) {
    attend<T, kTerms, 2><<<grid, kBlock, 0, stream>>>(params);
  } else {
    attend<T, kTerms, 1><<<grid, kBlock, 0, stream>>>(params);
  }
  check_launch("attention: forward");
}

}  // namespace
}  // namespace tensor

template <typename T>
void launch_attention_forward_on_tensor_cores(const AttentionForward<T>& params,
                                              cudaStream_t stream) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (!params.inputs.tf32) return tensor::launch_forward<T, 3>(params, stream);
  }
  tensor::launch_forward<T, 1>(params, stream);
}

template void launch_attention_forward_on_tensor_cores<float>(const AttentionForward<float>&,
                                                              cudaStream_t);
template void launch_attention_forward_on_tensor_cores<__half>(const AttentionForward<__half>&,
                                                               cudaStream_t);
template void launch_attention_forward_on_tensor_cores<__nv_bfloat16>(
    const AttentionForward<__nv_bfloat16>&, cudaStream_t);

}  // namespace pointattn::cuda
