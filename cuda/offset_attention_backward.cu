// SPDX-License-Identifier: Apache-2.0
// Backward pass of offset attention over recomputed tiles. With g the gradient of out and
// D_j = out_j · g_j (column_dot):
//
//   1. Tiles of rows i: dv_i = Σ_j A_ij g_j, u_i = Σ_j A_ij D_j, s_i = v_i · dv_i − u_i (row_dot).
//
//   2. dE_ij = P_ij (column_scale_j (v_i · g_j − D_j) − s_i); dq_i = Σ_j dE_ij k_j in tiles of rows
//   i and dk_j = Σ_i dE_ij q_i in tiles of rows j: dE is recomputed, so that nothing needs atomics.
#include "cuda/attention_tensor.h"
#include "cuda/attention_tile.cuh"
#include "cuda/tensor_cores.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace pointattn::cuda {
namespace {

/// grad_v, and u in row_dot.
template <typename T>
__global__ void __launch_bounds__(kThreads<T>) value_gradients(OffsetAttentionBackward<T> p) {
  __shared__ TileShared<T> shared;
  __shared__ SumShared<T> sum_shared;
  const TileRange range = tile_range<T>(p.inputs.tiles);
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kSumWidth<T>;
  const HeadMatrix<T> q = head_of(p.inputs.q, 0, 1, p.inputs.depth);
  const HeadMatrix<T> k = head_of(p.inputs.k, 0, 1, p.inputs.depth);
  const HeadMatrix<T> grad = head_of(p.grad, 0, 1, p.inputs.width);
  T sums[kPerThread][kSumsPerThread] = {};
  T dot[kPerThread] = {};
  T max[kPerThread];
  T scale[kPerThread];
  for (int a = 0; a < kPerThread; ++a) {
    const int64_t row = range.begin + ty + a * kThreadSide<T>;
    max[a] = row < range.end ? p.row_max[row] : T(0);
    scale[a] = row < range.end ? p.row_scale[row] : T(0);
  }
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kSide<T>) {
    T score[kPerThread][kPerThread];
    tile_products<T>(q, range.begin, range.end, k, c0, range.columns_end, shared, score);
    for (int b = 0; b < kPerThread; ++b) {
      const int column = tx + b * kThreadSide<T>;
      const bool inside = c0 + column < range.columns_end;
      const T column_scale = inside ? p.column_scale[c0 + column] : T(0);
      const T column_dot = inside ? p.column_dot[c0 + column] : T(0);
      for (int a = 0; a < kPerThread; ++a) {
        const T weight = inside ? exp(score[a][b] - max[a]) * column_scale : T(0);
        dot[a] += weight * column_dot;
        sum_shared.weights[ty + a * kThreadSide<T>][column] = weight;
      }
    }
    add_weighted<T>(grad, c0, range.columns_end, first, sum_shared, sums);
  }
  for (int a = 0; a < kPerThread; ++a) {
    const T total = sum_of_row(dot[a]) * scale[a];
    const int64_t row = range.begin + ty + a * kThreadSide<T>;
    if (blockIdx.y == 0 && tx == 0 && row < range.end) p.row_dot[row] = total;
  }
  store_sums<T>(sums, scale, range, p.inputs.width, p.inputs.width, first, p.grad_v);
}

/// grad_k with rows j and columns i if kKeys, else grad_q with rows i and columns j.
template <typename T, bool kKeys>
__global__ void __launch_bounds__(kThreads<T>) score_gradients(OffsetAttentionBackward<T> p) {
  __shared__ TileShared<T> shared;
  __shared__ SumShared<T> sum_shared;
  const TileRange range = tile_range<T>(p.inputs.tiles);
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kSumWidth<T>;
  const int64_t depth = p.inputs.depth;
  const int64_t width = p.inputs.width;
  const HeadMatrix<T> x = head_of(kKeys ? p.inputs.k : p.inputs.q, 0, 1, depth);
  const HeadMatrix<T> y = head_of(kKeys ? p.inputs.q : p.inputs.k, 0, 1, depth);
  const HeadMatrix<T> x_values = head_of(kKeys ? p.grad : p.inputs.v, 0, 1, width);
  const HeadMatrix<T> y_values = head_of(kKeys ? p.inputs.v : p.grad, 0, 1, width);
  T sums[kPerThread][kSumsPerThread] = {};
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
          const T weight = exp(score[a][b] - p.row_max[i]) * p.row_scale[i];
          gradient =
              weight * (p.column_scale[j] * (product[a][b] - p.column_dot[j]) - p.row_dot[i]);
        }
        sum_shared.weights[row][column] = gradient;
      }
    }
    add_weighted<T>(y, c0, range.columns_end, first, sum_shared, sums);
  }
  const T one[kPerThread] = {1, 1, 1, 1};
  store_sums<T>(sums, one, range, depth, depth, first, kKeys ? p.grad_k : p.grad_q);
}

}  // namespace

template <typename T>
void launch_offset_attention_backward(const OffsetAttentionBackward<T>& params,
                                      const Scratch& scratch,
                                      cudaStream_t stream) {
  const OffsetAttentionInputs<T>& inputs = params.inputs;
  if (inputs.tiles.count == 0) return;
  if constexpr (sizeof(T) <= sizeof(float)) {
    if (on_tensor_cores<T>("offset_attention"))
      return launch_offset_attention_backward_on_tensor_cores(params, scratch, stream);
  }
  if constexpr (sizeof(T) >= sizeof(float)) {
    const dim3 value_grid = sum_grid<T>(inputs.tiles.count, inputs.width);
    const dim3 score_grid = sum_grid<T>(inputs.tiles.count, inputs.depth);
    launch_row_products<false>(
        params.out, params.grad, inputs.rows, inputs.width, params.column_dot, stream);
    value_gradients<T><<<value_grid, kThreads<T>, 0, stream>>>(params);
    check_launch("offset_attention: value gradients");
    launch_row_products<true>(
        inputs.v, params.grad_v, inputs.rows, inputs.width, params.row_dot, stream);
    score_gradients<T, false><<<score_grid, kThreads<T>, 0, stream>>>(params);
    check_launch("offset_attention: query gradients");
    score_gradients<T, true><<<score_grid, kThreads<T>, 0, stream>>>(params);
    check_launch("offset_attention: key gradients");
  }
}

template void launch_offset_attention_backward<float>(const OffsetAttentionBackward<float>&,
                                                      const Scratch&,
                                                      cudaStream_t);
template void launch_offset_attention_backward<double>(const OffsetAttentionBackward<double>&,
                                                       const Scratch&,
                                                       cudaStream_t);
template void launch_offset_attention_backward<__half>(const OffsetAttentionBackward<__half>&,
                                                       const Scratch&,
                                                       cudaStream_t);
template void launch_offset_attention_backward<__nv_bfloat16>(
    const OffsetAttentionBackward<__nv_bfloat16>&, const Scratch&, cudaStream_t);

}  // namespace pointattn::cuda
