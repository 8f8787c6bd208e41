// SPDX-License-Identifier: Apache-2.0
// Backward pass of offset attention over recomputed tiles. With g the gradient of out and
// D_j = out_j · g_j (column_dot):
//
//   1. Tiles of rows i: dv_i = Σ_j A_ij g_j, u_i = Σ_j A_ij D_j, s_i = v_i · dv_i − u_i (row_dot).
//
//   2. dE_ij = P_ij (column_scale_j (v_i · g_j − D_j) − s_i); dq_i = Σ_j dE_ij k_j in tiles of rows
//   i and dk_j = Σ_i dE_ij q_i in tiles of rows j: dE is recomputed, so that nothing needs atomics.
#include "cuda/attention_tile.cuh"

namespace pointattn::cuda {
namespace {

constexpr int kWarp = 32;
constexpr int kRowsPerBlock = 8;

/// to[row] = a_row · b_row, less what `to` holds if kSubtract; one warp a row.
template <typename T, bool kSubtract>
__global__ void row_products(const T* a, const T* b, int64_t rows, int64_t width, T* to) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.x / kWarp;
  T sum = 0;
  if (row < rows) {
    for (int64_t c = lane; c < width; c += kWarp) sum += a[row * width + c] * b[row * width + c];
  }
  for (int step = kWarp / 2; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffU, sum, step);
  if (row < rows && lane == 0) to[row] = kSubtract ? sum - to[row] : sum;
}

/// grad_v, and u in row_dot.
template <typename T>
__global__ void __launch_bounds__(kThreads<T>) value_gradients(OffsetAttentionBackward<T> p) {
  __shared__ TileShared<T> shared;
  __shared__ SumShared<T> sum_shared;
  const RowRange range = row_range<T>(p.inputs.tiles);
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kSumWidth<T>;
  T sums[kPerThread][kSumsPerThread] = {};
  T dot[kPerThread] = {};
  T max[kPerThread];
  T scale[kPerThread];
  for (int a = 0; a < kPerThread; ++a) {
    const int64_t row = range.begin + ty + a * kThreadSide<T>;
    max[a] = row < range.end ? p.row_max[row] : T(0);
    scale[a] = row < range.end ? p.row_scale[row] : T(0);
  }
  for (int64_t c0 = range.cloud_begin; c0 < range.cloud_end; c0 += kSide<T>) {
    T score[kPerThread][kPerThread];
    tile_products<T>(p.inputs.q,
                     range.begin,
                     range.end,
                     p.inputs.k,
                     c0,
                     range.cloud_end,
                     p.inputs.depth,
                     shared,
                     score);
    for (int b = 0; b < kPerThread; ++b) {
      const int column = tx + b * kThreadSide<T>;
      const bool inside = c0 + column < range.cloud_end;
      const T column_scale = inside ? p.column_scale[c0 + column] : T(0);
      const T column_dot = inside ? p.column_dot[c0 + column] : T(0);
      for (int a = 0; a < kPerThread; ++a) {
        const T weight = inside ? exp(score[a][b] - max[a]) * column_scale : T(0);
        dot[a] += weight * column_dot;
        sum_shared.weights[ty + a * kThreadSide<T>][column] = weight;
      }
    }
    add_weighted<T>(p.grad, c0, range.cloud_end, p.inputs.width, first, sum_shared, sums);
  }
  for (int a = 0; a < kPerThread; ++a) {
    const T total = sum_of_row(dot[a]) * scale[a];
    const int64_t row = range.begin + ty + a * kThreadSide<T>;
    if (blockIdx.y == 0 && tx == 0 && row < range.end) p.row_dot[row] = total;
  }
  store_sums<T>(sums, scale, range, p.inputs.width, first, p.grad_v);
}

/// grad_k with rows j and columns i if kKeys, else grad_q with rows i and columns j.
template <typename T, bool kKeys>
__global__ void __launch_bounds__(kThreads<T>) score_gradients(OffsetAttentionBackward<T> p) {
  __shared__ TileShared<T> shared;
  __shared__ SumShared<T> sum_shared;
  const RowRange range = row_range<T>(p.inputs.tiles);
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kSumWidth<T>;
  const T* const x = kKeys ? p.inputs.k : p.inputs.q;
  const T* const y = kKeys ? p.inputs.q : p.inputs.k;
  const T* const x_values = kKeys ? p.grad : p.inputs.v;
  const T* const y_values = kKeys ? p.inputs.v : p.grad;
  T sums[kPerThread][kSumsPerThread] = {};
  for (int64_t c0 = range.cloud_begin; c0 < range.cloud_end; c0 += kSide<T>) {
    T score[kPerThread][kPerThread];
    T product[kPerThread][kPerThread];
    tile_products<T>(
        x, range.begin, range.end, y, c0, range.cloud_end, p.inputs.depth, shared, score);
    tile_products<T>(x_values,
                     range.begin,
                     range.end,
                     y_values,
                     c0,
                     range.cloud_end,
                     p.inputs.width,
                     shared,
                     product);
    for (int a = 0; a < kPerThread; ++a) {
      const int row = ty + a * kThreadSide<T>;
      for (int b = 0; b < kPerThread; ++b) {
        const int column = tx + b * kThreadSide<T>;
        T gradient = 0;
        if (range.begin + row < range.end && c0 + column < range.cloud_end) {
          const int64_t i = kKeys ? c0 + column : range.begin + row;
          const int64_t j = kKeys ? range.begin + row : c0 + column;
          const T weight = exp(score[a][b] - p.row_max[i]) * p.row_scale[i];
          gradient =
              weight * (p.column_scale[j] * (product[a][b] - p.column_dot[j]) - p.row_dot[i]);
        }
        sum_shared.weights[row][column] = gradient;
      }
    }
    add_weighted<T>(y, c0, range.cloud_end, p.inputs.depth, first, sum_shared, sums);
  }
  const T one[kPerThread] = {1, 1, 1, 1};
  store_sums<T>(sums, one, range, p.inputs.depth, first, kKeys ? p.grad_k : p.grad_q);
}

}  // namespace

template <typename T>
void launch_offset_attention_backward(const OffsetAttentionBackward<T>& params,
                                      cudaStream_t stream) {
  const OffsetAttentionInputs<T>& inputs = params.inputs;
  if (inputs.num_tiles == 0) return;
  const dim3 value_grid = sum_grid<T>(inputs.num_tiles, inputs.width);
  const dim3 score_grid = sum_grid<T>(inputs.num_tiles, inputs.depth);
  const int64_t row_blocks = (inputs.rows + kRowsPerBlock - 1) / kRowsPerBlock;
  if (row_blocks > std::numeric_limits<int>::max()) {
    throw std::runtime_error("offset_attention: too many rows: " + std::to_string(inputs.rows));
  }
  const unsigned blocks = static_cast<unsigned>(row_blocks);
  row_products<T, false><<<blocks, kWarp * kRowsPerBlock, 0, stream>>>(
      params.out, params.grad, inputs.rows, inputs.width, params.column_dot);
  check_attention_launch("column products");
  value_gradients<T><<<value_grid, kThreads<T>, 0, stream>>>(params);
  check_attention_launch("value gradients");
  row_products<T, true><<<blocks, kWarp * kRowsPerBlock, 0, stream>>>(
      inputs.v, params.grad_v, inputs.rows, inputs.width, params.row_dot);
  check_attention_launch("row products");
  score_gradients<T, false><<<score_grid, kThreads<T>, 0, stream>>>(params);
  check_attention_launch("query gradients");
  score_gradients<T, true><<<score_grid, kThreads<T>, 0, stream>>>(params);
  check_attention_launch("key gradients");
}

template void launch_offset_attention_backward<float>(const OffsetAttentionBackward<float>&,
                                                      cudaStream_t);
template void launch_offset_attention_backward<double>(const OffsetAttentionBackward<double>&,
                                                       cudaStream_t);

}  // namespace pointattn::cuda
