// SPDX-License-Identifier: Apache-2.0
// What the kernels of the attention operators without tensor cores share (those with them:
// cuda/tensor_tile.cuh). A block of kSide/4 x kSide/4 threads owns kSide rows of one cloud and walks
// over the cloud (or the one it attends to) in tiles of kSide columns. A thread holds 4 x 4 scores:
// rows ty + a·kThreadSide, columns tx + b·kThreadSide. The scores of a tile are recomputed in every
// pass (compute-bound: depth + width multiplications a pair, 1/kSide of a row read from memory). No
// atomics: a block alone writes its rows, and every sum has a fixed order.
#pragma once

#include "cuda/attention_tiles.h"
#include "cuda/launch.h"

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

namespace pointattn::cuda {

constexpr int kPerThread = 4;      // scores of a thread along each side
constexpr int kSumsPerThread = 8;  // columns of a thread in a weighted sum
constexpr int kChunk = 16;         // depth that lies in shared memory at a time

template <typename T>
constexpr int kSide = static_cast<int>(kAttentionTile<T>);
template <typename T>
constexpr int kThreadSide = kSide<T> / kPerThread;
template <typename T>
constexpr int kThreads = kThreadSide<T>* kThreadSide<T>;
template <typename T>
constexpr int kSumWidth = kThreadSide<T>* kSumsPerThread;

// A finite start of a maximum: a thread that sees no column adds exp(lowest − max) = 0 and not NaN.
template <typename T>
constexpr T kLowest = std::numeric_limits<T>::lowest();

template <typename T>
struct TileShared {
  T x[kChunk][kSide<T> + 1];  // one more column, so that a warp's writes meet different banks
  T y[kChunk][kSide<T> + 1];
};

template <typename T>
struct SumShared {
  T weights[kSide<T>][kSide<T> + 1];
  T values[kChunk][kSumWidth<T>];
};

/// The rows of a block and the columns that it walks over.
struct TileRange {
  int64_t begin, end, columns, columns_end;
};

template <typename T>
__device__ TileRange tile_range(const AttentionTiles& tiles) {
  const int64_t* tile = tiles.data + kTileNumbers * static_cast<int64_t>(blockIdx.x);
  return {tile[0], tile[1], tile[2], tile[3]};
}

/// One head of a row-major matrix: `width` elements a row, rows `stride` elements apart.
template <typename T>
struct HeadMatrix {
  const T* data;
  int64_t width, stride;
};

/// The head of a contiguous matrix [rows,heads,width].
template <typename T>
__device__ HeadMatrix<T> head_of(const T* matrix, int64_t head, int64_t heads, int64_t width) {
  return {matrix + head * width, width, heads * width};
}

/// products[a][b] = x_row · y_column; zero beyond the ends. Every sum runs over the depth in order
/// from zero, so swapping x and y gives the same bits. All threads of the block must call it.
template <typename T>
__device__ void tile_products(const HeadMatrix<T>& x,
                              int64_t x_begin,
                              int64_t x_end,
                              const HeadMatrix<T>& y,
                              int64_t y_begin,
                              int64_t y_end,
                              TileShared<T>& shared,
                              T (&products)[kPerThread][kPerThread]) {
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  for (int a = 0; a < kPerThread; ++a) {
    for (int b = 0; b < kPerThread; ++b) products[a][b] = 0;
  }
  for (int64_t d0 = 0; d0 < x.width; d0 += kChunk) {
    __syncthreads();
    for (int e = static_cast<int>(threadIdx.x); e < kSide<T> * kChunk; e += kThreads<T>) {
      const int row = e / kChunk;
      const int d = e % kChunk;
      const bool inside = d0 + d < x.width;
      shared.x[d][row] =
          inside && x_begin + row < x_end ? x.data[(x_begin + row) * x.stride + d0 + d] : T(0);
      shared.y[d][row] =
          inside && y_begin + row < y_end ? y.data[(y_begin + row) * y.stride + d0 + d] : T(0);
    }
    __syncthreads();
#pragma unroll
    for (int d = 0; d < kChunk; ++d) {
      T left[kPerThread];
      T right[kPerThread];
      for (int a = 0; a < kPerThread; ++a) left[a] = shared.x[d][ty + a * kThreadSide<T>];
      for (int b = 0; b < kPerThread; ++b) right[b] = shared.y[d][tx + b * kThreadSide<T>];
      for (int a = 0; a < kPerThread; ++a) {
        for (int b = 0; b < kPerThread; ++b) products[a][b] += left[a] * right[b];
      }
    }
  }
}

/// sums[a][b] += Σ_c weights[row][c] values[begin + c][first + column] over one tile of columns;
/// `weights` were just written by the block and are zero beyond `end`. All threads of the block
/// must call it.
template <typename T>
__device__ void add_weighted(const HeadMatrix<T>& values,
                             int64_t begin,
                             int64_t end,
                             int64_t first,
                             SumShared<T>& shared,
                             T (&sums)[kPerThread][kSumsPerThread]) {
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  for (int c0 = 0; c0 < kSide<T>; c0 += kChunk) {
    __syncthreads();
    for (int e = static_cast<int>(threadIdx.x); e < kChunk * kSumWidth<T>; e += kThreads<T>) {
      const int row = e / kSumWidth<T>;
      const int column = e % kSumWidth<T>;
      const int64_t from = begin + c0 + row;
      const bool inside = from < end && first + column < values.width;
      shared.values[row][column] =
          inside ? values.data[from * values.stride + first + column] : T(0);
    }
    __syncthreads();
#pragma unroll
    for (int c = 0; c < kChunk; ++c) {
      T weight[kPerThread];
      for (int a = 0; a < kPerThread; ++a)
        weight[a] = shared.weights[ty + a * kThreadSide<T>][c0 + c];
      for (int b = 0; b < kSumsPerThread; ++b) {
        const T value = shared.values[c][tx + b * kThreadSide<T>];
        for (int a = 0; a < kPerThread; ++a) sums[a][b] += weight[a] * value;
      }
    }
  }
  __syncthreads();
}

/// to[row][first + column] = sums scale[a] for the rows and columns that exist; rows of `to` are
/// `stride` elements apart.
template <typename T>
__device__ void store_sums(const T (&sums)[kPerThread][kSumsPerThread],
                           const T (&scale)[kPerThread],
                           const TileRange& range,
                           int64_t width,
                           int64_t stride,
                           int64_t first,
                           T* to) {
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  for (int a = 0; a < kPerThread; ++a) {
    const int64_t row = range.begin + ty + a * kThreadSide<T>;
    for (int b = 0; b < kSumsPerThread; ++b) {
      const int64_t column = first + tx + b * kThreadSide<T>;
      if (row < range.end && column < width) to[row * stride + column] = sums[a][b] * scale[a];
    }
  }
}

/// Sum and maximum over the threads that share rows; they are neighbours in a warp. Every lane gets
/// the result.
template <typename T>
__device__ T sum_of_row(T value) {
  for (int step = kThreadSide<T> / 2; step > 0; step /= 2)
    value += __shfl_xor_sync(0xffffffffU, value, step);
  return value;
}
template <typename T>
__device__ T max_of_row(T value) {
  for (int step = kThreadSide<T> / 2; step > 0; step /= 2) {
    const T other = __shfl_xor_sync(0xffffffffU, value, step);
    value = other > value ? other : value;
  }
  return value;
}

constexpr int kWarp = 32;
constexpr int kRowsPerBlock = 8;

/// to[row] = a_row · b_row, less what `to` holds if kSubtract, of contiguous rows; one warp a row.
/// Summed in double, which costs nothing beside the tiles and keeps the difference of such sums.
template <typename T, bool kSubtract>
__global__ void row_products(
    const T* a, const T* b, int64_t rows, int64_t width, Statistic<T>* to) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.x / kWarp;
  double sum = 0;
  if (row < rows) {
    for (int64_t c = lane; c < width; c += kWarp) {
      sum += static_cast<double>(static_cast<Statistic<T>>(a[row * width + c])) *
             static_cast<double>(static_cast<Statistic<T>>(b[row * width + c]));
    }
  }
  for (int step = kWarp / 2; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffU, sum, step);
  if (row < rows && lane == 0) to[row] = static_cast<Statistic<T>>(kSubtract ? sum - to[row] : sum);
}

/// The grid of a kernel with one warp a row.
inline unsigned warps_grid(int64_t rows) {
  const int64_t blocks = (rows + kRowsPerBlock - 1) / kRowsPerBlock;
  if (blocks > std::numeric_limits<int>::max()) {
    throw std::runtime_error("attention: too many rows: " + std::to_string(rows));
  }
  return static_cast<unsigned>(blocks);
}

template <bool kSubtract, typename T>
void launch_row_products(
    const T* a, const T* b, int64_t rows, int64_t width, Statistic<T>* to, cudaStream_t stream) {
  if (rows == 0) return;
  row_products<T, kSubtract>
      <<<warps_grid(rows), kWarp * kRowsPerBlock, 0, stream>>>(a, b, rows, width, to);
  check_launch("attention: row products");
}

/// The grid of a weighted sum of `width` columns, `chunk` a block, for each head; throws when a side
/// is too long.
inline dim3 sum_grid(int64_t num_tiles, int64_t width, int64_t heads, int64_t chunk) {
  constexpr int64_t kMost = 65535;
  const int64_t chunks = width > 0 ? (width + chunk - 1) / chunk : 1;
  if (num_tiles > std::numeric_limits<int>::max() || chunks > kMost || heads > kMost) {
    throw std::runtime_error("attention: expected at most 2147483647 tiles, " +
                             std::to_string(kMost * chunk) + " columns and " +
                             std::to_string(kMost) + " heads, got " + std::to_string(num_tiles) +
                             ", " + std::to_string(width) + " and " + std::to_string(heads));
  }
  return dim3(static_cast<unsigned>(num_tiles),
              static_cast<unsigned>(chunks),
              static_cast<unsigned>(heads));
}
template <typename T>
dim3 sum_grid(int64_t num_tiles, int64_t width, int64_t heads = 1) {
  return sum_grid(num_tiles, width, heads, kSumWidth<T>);
}

}  // namespace pointattn::cuda
