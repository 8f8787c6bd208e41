// SPDX-License-Identifier: Apache-2.0
// Forward pass of plain attention: one walk over the keys with a running maximum; where a tile
// raises the maximum of a row, what the row has summed so far shrinks.
// O(M N (depth + width)) operations, O(M + N) memory. Each chunk of kSumWidth channels recomputes
// the scores.
#include "cuda/attention_tensor.h"
#include "cuda/attention_tile.cuh"
#include "cuda/tensor_cores.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace pointattn::cuda {
namespace {

// The score of a column that is not there, as of one whose bias masks it.
template <typename T>
constexpr T kMasked = -std::numeric_limits<T>::infinity();

template <typename T>
__global__ void __launch_bounds__(kThreads<T>) attend(AttentionForward<T> p) {
  __shared__ TileShared<T> shared;
  __shared__ SumShared<T> sum_shared;
  const AttentionInputs<T>& in = p.inputs;
  const TileRange range = tile_range<T>(in.query_tiles);
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kSumWidth<T>;
  const int64_t head = blockIdx.z;
  const HeadMatrix<T> q = head_of(in.q, head, in.heads, in.depth);
  const HeadMatrix<T> k = head_of(in.k, head, in.heads, in.depth);
  const HeadMatrix<T> v = head_of(in.v, head, in.heads, in.width);
  T sums[kPerThread][kSumsPerThread] = {};
  T total[kPerThread] = {};
  T max[kPerThread];
  for (int a = 0; a < kPerThread; ++a) max[a] = kLowest<T>;
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kSide<T>) {
    T score[kPerThread][kPerThread];
    tile_products<T>(q, range.begin, range.end, k, c0, range.columns_end, shared, score);
    for (int b = 0; b < kPerThread; ++b) {
      const int64_t column = c0 + tx + b * kThreadSide<T>;
      const bool inside = column < range.columns_end;
      const T bias = inside && in.bias != nullptr ? in.bias[column * in.heads + head] : T(0);
      for (int a = 0; a < kPerThread; ++a) {
        score[a][b] = inside ? score[a][b] * in.scale + bias : kMasked<T>;
      }
    }
    for (int a = 0; a < kPerThread; ++a) {
      T best = max[a];
      for (int b = 0; b < kPerThread; ++b) best = score[a][b] > best ? score[a][b] : best;
      best = max_of_row(best);
      const T factor = exp(max[a] - best);
      total[a] *= factor;
      for (int b = 0; b < kSumsPerThread; ++b) sums[a][b] *= factor;
      max[a] = best;
      for (int b = 0; b < kPerThread; ++b) {
        const T weight = exp(score[a][b] - best);
        total[a] += weight;
        sum_shared.weights[ty + a * kThreadSide<T>][tx + b * kThreadSide<T>] = weight;
      }
    }
    add_weighted<T>(v, c0, range.columns_end, first, sum_shared, sums);
  }
  for (int a = 0; a < kPerThread; ++a) {
    total[a] = sum_of_row(total[a]);
    total[a] = total[a] == T(0) ? T(0) : T(1) / total[a];
    const int64_t row = range.begin + ty + a * kThreadSide<T>;
    if (blockIdx.y == 0 && tx == 0 && row < range.end) {
      p.row_max[head * in.queries + row] = max[a];
      p.row_scale[head * in.queries + row] = total[a];
    }
  }
  store_sums<T>(sums, total, range, in.width, in.heads * in.width, first, p.out + head * in.width);
}

}  // namespace

template <typename T>
void launch_attention_forward(const AttentionForward<T>& params,
                              const Scratch& scratch,
                              cudaStream_t stream) {
  const AttentionInputs<T>& in = params.inputs;
  if (in.query_tiles.count == 0 || in.heads == 0) return;
  if constexpr (sizeof(T) <= sizeof(float)) {
    if (on_tensor_cores<T>("attention"))
      return launch_attention_forward_on_tensor_cores(params, scratch, stream);
  }
  if constexpr (sizeof(T) >= sizeof(float)) {
    const dim3 grid = sum_grid<T>(in.query_tiles.count, in.width, in.heads);
    attend<T><<<grid, kThreads<T>, 0, stream>>>(params);
    check_launch("attention: forward");
  }
}

template void launch_attention_forward<float>(const AttentionForward<float>&,
                                              const Scratch&,
                                              cudaStream_t);
template void launch_attention_forward<double>(const AttentionForward<double>&,
                                               const Scratch&,
                                               cudaStream_t);
template void launch_attention_forward<__half>(const AttentionForward<__half>&,
                                               const Scratch&,
                                               cudaStream_t);
template void launch_attention_forward<__nv_bfloat16>(const AttentionForward<__nv_bfloat16>&,
                                                      const Scratch&,
                                                      cudaStream_t);

}  // namespace pointattn::cuda
