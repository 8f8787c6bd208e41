// SPDX-License-Identifier: Apache-2.0
// Backward pass of plain attention over recomputed tiles. With g the gradient of out and
// D_i = out_i · g_i (row_dot): dE_ij = P_ij (g_i · v_j − D_i), dq_i = scale Σ_j dE_ij k_j in tiles
// of rows i; dk_j = scale Σ_i dE_ij q_i, dbias_j = Σ_i dE_ij and dv_j = Σ_i P_ij g_i in tiles of
// rows j. The map is recomputed for each sum, so that nothing needs atomics.
#include "cuda/attention_tensor.h"
#include "cuda/attention_tile.cuh"
#include "cuda/tensor_cores.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace pointattn::cuda {
namespace {

/// P_ij from its product q_i · k_j.
template <typename T>
__device__ T
map_weight(const AttentionBackward<T>& p, T product, int64_t i, int64_t j, int64_t head) {
  const AttentionInputs<T>& in = p.inputs;
  const T bias = in.bias != nullptr ? in.bias[j * in.heads + head] : T(0);
  const int64_t row = head * in.queries + i;
  return exp(product * in.scale + bias - p.row_max[row]) * p.row_scale[row];
}

/// grad_k and grad_bias with rows j and columns i if kKeys, else grad_q with rows i and columns j.
template <typename T, bool kKeys>
__global__ void __launch_bounds__(kThreads<T>) score_gradients(AttentionBackward<T> p) {
  __shared__ TileShared<T> shared;
  __shared__ SumShared<T> sum_shared;
  const AttentionInputs<T>& in = p.inputs;
  const TileRange range = tile_range<T>(kKeys ? p.key_tiles : in.query_tiles);
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kSumWidth<T>;
  const int64_t head = blockIdx.z;
  const HeadMatrix<T> x = head_of(kKeys ? in.k : in.q, head, in.heads, in.depth);
  const HeadMatrix<T> y = head_of(kKeys ? in.q : in.k, head, in.heads, in.depth);
  const HeadMatrix<T> x_values = head_of(kKeys ? in.v : p.grad, head, in.heads, in.width);
  const HeadMatrix<T> y_values = head_of(kKeys ? p.grad : in.v, head, in.heads, in.width);
  T sums[kPerThread][kSumsPerThread] = {};
  T total[kPerThread] = {};
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kSide<T>) {
    T score[kPerThread][kPerThread];
    T product[kPerThread][kPerThread];
    tile_products<T>(x, range.begin, range.end, y, c0, range.columns_end, shared, score);
    tile_products<T>(
        x_values, range.begin, range.end, y_values, c0, range.columns_end, shared, product);
    for (int a = 0; a < kPerThread; ++a) {
      const int row = ty + a * kThreadSide<T>;
      for (int b = 0; b < kPerThread; ++b) {
        const int column = tx + b * kThreadSide<T>;
        T gradient = 0;
        if (range.begin + row < range.end && c0 + column < range.columns_end) {
          const int64_t i = kKeys ? c0 + column : range.begin + row;
          const int64_t j = kKeys ? range.begin + row : c0 + column;
          gradient = map_weight(p, score[a][b], i, j, head) *
                     (product[a][b] - p.row_dot[i * in.heads + head]);
        }
        total[a] += gradient;
        sum_shared.weights[row][column] = gradient;
      }
    }
    add_weighted<T>(y, c0, range.columns_end, first, sum_shared, sums);
  }
  if (kKeys && p.grad_bias != nullptr) {
    for (int a = 0; a < kPerThread; ++a) {
      const T sum = sum_of_row(total[a]);
      const int64_t row = range.begin + ty + a * kThreadSide<T>;
      if (blockIdx.y == 0 && tx == 0 && row < range.end) p.grad_bias[row * in.heads + head] = sum;
    }
  }
  T* const to = kKeys ? p.grad_k : p.grad_q;
  const T scale[kPerThread] = {in.scale, in.scale, in.scale, in.scale};
  store_sums<T>(sums, scale, range, in.depth, in.heads * in.depth, first, to + head * in.depth);
}

/// Rows j, columns i.
template <typename T>
__global__ void __launch_bounds__(kThreads<T>) value_gradients(AttentionBackward<T> p) {
  __shared__ TileShared<T> shared;
  __shared__ SumShared<T> sum_shared;
  const AttentionInputs<T>& in = p.inputs;
  const TileRange range = tile_range<T>(p.key_tiles);
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kSumWidth<T>;
  const int64_t head = blockIdx.z;
  const HeadMatrix<T> q = head_of(in.q, head, in.heads, in.depth);
  const HeadMatrix<T> k = head_of(in.k, head, in.heads, in.depth);
  const HeadMatrix<T> grad = head_of(p.grad, head, in.heads, in.width);
  T sums[kPerThread][kSumsPerThread] = {};
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kSide<T>) {
    T score[kPerThread][kPerThread];
    tile_products<T>(k, range.begin, range.end, q, c0, range.columns_end, shared, score);
    for (int a = 0; a < kPerThread; ++a) {
      const int row = ty + a * kThreadSide<T>;
      for (int b = 0; b < kPerThread; ++b) {
        const int column = tx + b * kThreadSide<T>;
        const bool inside = range.begin + row < range.end && c0 + column < range.columns_end;
        sum_shared.weights[row][column] =
            inside ? map_weight(p, score[a][b], c0 + column, range.begin + row, head) : T(0);
      }
    }
    add_weighted<T>(grad, c0, range.columns_end, first, sum_shared, sums);
  }
  const T one[kPerThread] = {1, 1, 1, 1};
  store_sums<T>(sums, one, range, in.width, in.heads * in.width, first, p.grad_v + head * in.width);
}

}  // namespace

template <typename T>
void launch_attention_backward(const AttentionBackward<T>& params,
                               const Scratch& scratch,
                               cudaStream_t stream) {
  const AttentionInputs<T>& in = params.inputs;
  if (in.heads == 0) return;
  if constexpr (sizeof(T) <= sizeof(float)) {
    if (on_tensor_cores<T>("attention"))
      return launch_attention_backward_on_tensor_cores(params, scratch, stream);
  }
  if constexpr (sizeof(T) >= sizeof(float)) {
    launch_row_products<false>(
        params.out, params.grad, in.queries * in.heads, in.width, params.row_dot, stream);
    if (in.query_tiles.count > 0) {
      const dim3 grid = sum_grid<T>(in.query_tiles.count, in.depth, in.heads);
      score_gradients<T, false><<<grid, kThreads<T>, 0, stream>>>(params);
      check_launch("attention: query gradients");
    }
    if (params.key_tiles.count > 0) {
      const dim3 score_grid = sum_grid<T>(params.key_tiles.count, in.depth, in.heads);
      score_gradients<T, true><<<score_grid, kThreads<T>, 0, stream>>>(params);
      check_launch("attention: key gradients");
      const dim3 value_grid = sum_grid<T>(params.key_tiles.count, in.width, in.heads);
      value_gradients<T><<<value_grid, kThreads<T>, 0, stream>>>(params);
      check_launch("attention: value gradients");
    }
  }
}

template void launch_attention_backward<float>(const AttentionBackward<float>&,
                                               const Scratch&,
                                               cudaStream_t);
template void launch_attention_backward<double>(const AttentionBackward<double>&,
                                                const Scratch&,
                                                cudaStream_t);
template void launch_attention_backward<__half>(const AttentionBackward<__half>&,
                                                const Scratch&,
                                                cudaStream_t);
template void launch_attention_backward<__nv_bfloat16>(const AttentionBackward<__nv_bfloat16>&,
                                                       const Scratch&,
                                                       cudaStream_t);

}  // namespace pointattn::cuda
