// SPDX-License-Identifier: Apache-2.0
// Forward pass of offset attention. One kernel finds the softmax statistics of each row of E = q
// kᵀ; a second one walks over the tiles of k qᵀ, where P_ij = exp(E_ij − row_max_i) row_scale_i ≤ 1
// needs no running maximum, and finds the column sums and out.
// O(N² (2 depth + width)) operations, O(N) memory. Each chunk of kSumWidth channels recomputes the
// scores.
#include "cuda/attention_tensor.h"
#include "cuda/attention_tile.cuh"
#include "cuda/tensor_cores.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace pointattn::cuda {
namespace {

template <typename T>
__global__ void __launch_bounds__(kThreads<T>) row_statistics(OffsetAttentionForward<T> p) {
  __shared__ TileShared<T> shared;
  const TileRange range = tile_range<T>(p.inputs.tiles);
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  const HeadMatrix<T> q = head_of(p.inputs.q, 0, 1, p.inputs.depth);
  const HeadMatrix<T> k = head_of(p.inputs.k, 0, 1, p.inputs.depth);
  T max[kPerThread];
  T sum[kPerThread];
  for (int a = 0; a < kPerThread; ++a) {
    max[a] = kLowest<T>;
    sum[a] = 0;
  }
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kSide<T>) {
    T score[kPerThread][kPerThread];
    tile_products<T>(q, range.begin, range.end, k, c0, range.columns_end, shared, score);
    for (int a = 0; a < kPerThread; ++a) {
      T best = max[a];
      for (int b = 0; b < kPerThread; ++b) {
        const bool inside = c0 + tx + b * kThreadSide<T> < range.columns_end;
        if (inside && score[a][b] > best) best = score[a][b];
      }
      sum[a] *= exp(max[a] - best);
      for (int b = 0; b < kPerThread; ++b) {
        if (c0 + tx + b * kThreadSide<T> < range.columns_end) sum[a] += exp(score[a][b] - best);
      }
      max[a] = best;
    }
  }
  for (int a = 0; a < kPerThread; ++a) {
    const T best = max_of_row(max[a]);
    const T total = sum_of_row(sum[a] * exp(max[a] - best));
    const int64_t row = range.begin + ty + a * kThreadSide<T>;
    if (tx == 0 && row < range.end) {
      p.row_max[row] = best;
      p.row_scale[row] = T(1) / total;
    }
  }
}

/// Rows are the points j that receive, columns the points i that give.
template <typename T>
__global__ void __launch_bounds__(kThreads<T>) outputs(OffsetAttentionForward<T> p) {
  __shared__ TileShared<T> shared;
  __shared__ SumShared<T> sum_shared;
  const TileRange range = tile_range<T>(p.inputs.tiles);
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kSumWidth<T>;
  const HeadMatrix<T> q = head_of(p.inputs.q, 0, 1, p.inputs.depth);
  const HeadMatrix<T> k = head_of(p.inputs.k, 0, 1, p.inputs.depth);
  const HeadMatrix<T> v = head_of(p.inputs.v, 0, 1, p.inputs.width);
  T sums[kPerThread][kSumsPerThread] = {};
  T total[kPerThread] = {};
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kSide<T>) {
    T score[kPerThread][kPerThread];
    tile_products<T>(k, range.begin, range.end, q, c0, range.columns_end, shared, score);
    for (int b = 0; b < kPerThread; ++b) {
      const int column = tx + b * kThreadSide<T>;
      const bool inside = c0 + column < range.columns_end;
      const T max = inside ? p.row_max[c0 + column] : T(0);
      const T scale = inside ? p.row_scale[c0 + column] : T(0);
      for (int a = 0; a < kPerThread; ++a) {
        const T weight = inside ? exp(score[a][b] - max) * scale : T(0);
        total[a] += weight;
        sum_shared.weights[ty + a * kThreadSide<T>][column] = weight;
      }
    }
    add_weighted<T>(v, c0, range.columns_end, first, sum_shared, sums);
  }
  for (int a = 0; a < kPerThread; ++a) {
    total[a] = T(1) / (T(1e-9) + sum_of_row(total[a]));
    const int64_t row = range.begin + ty + a * kThreadSide<T>;
    if (blockIdx.y == 0 && tx == 0 && row < range.end) p.column_scale[row] = total[a];
  }
  store_sums<T>(sums, total, range, p.inputs.width, p.inputs.width, first, p.out);
}

}  // namespace

template <typename T>
void launch_offset_attention_forward(const OffsetAttentionForward<T>& params,
                                     const Scratch& scratch,
                                     cudaStream_t stream) {
  if (params.inputs.tiles.count == 0) return;
  if constexpr (sizeof(T) <= sizeof(float)) {
    if (on_tensor_cores<T>("offset_attention")) {
      return launch_offset_attention_forward_on_tensor_cores(params, scratch, stream);
    }
  }
  if constexpr (sizeof(T) >= sizeof(float)) {
    const dim3 grid = sum_grid<T>(params.inputs.tiles.count, params.inputs.width);
    row_statistics<T><<<grid.x, kThreads<T>, 0, stream>>>(params);
    check_launch("offset_attention: row statistics");
    outputs<T><<<grid, kThreads<T>, 0, stream>>>(params);
    check_launch("offset_attention: outputs");
  }
}

template void launch_offset_attention_forward<float>(const OffsetAttentionForward<float>&,
                                                     const Scratch&,
                                                     cudaStream_t);
template void launch_offset_attention_forward<double>(const OffsetAttentionForward<double>&,
                                                      const Scratch&,
                                                      cudaStream_t);
template void launch_offset_attention_forward<__half>(const OffsetAttentionForward<__half>&,
                                                      const Scratch&,
                                                      cudaStream_t);
template void launch_offset_attention_forward<__nv_bfloat16>(
    const OffsetAttentionForward<__nv_bfloat16>&, const Scratch&, cudaStream_t);

}  // namespace pointattn::cuda
