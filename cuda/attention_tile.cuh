// SPDX-License-Identifier: Apache-2.0
// What the kernels of offset attention share. A block of kSide/4 x kSide/4 threads owns kSide rows
// of one cloud and walks over the cloud in tiles of kSide columns. A thread holds 4 x 4 scores:
// rows ty + a·kThreadSide, columns tx + b·kThreadSide. The scores of a tile are recomputed in every
// pass (compute-bound: depth + width multiplications a pair, 1/kSide of a row read from memory). No
// atomics: a block alone writes its rows, and every sum has a fixed order.
#pragma once

#include "cuda/offset_attention.h"

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

namespace pointattn::cuda {

constexpr int kPerThread = 4;      // scores of a thread along each side
constexpr int kSumsPerThread = 8;  // columns of a thread in a weighted sum
constexpr int kChunk = 16;         // depth that lies in shared memory at a time

template <typename T>
constexpr int kSide = static_cast<int>(kOffsetAttentionTile<T>);
template <typename T>
constexpr int kThreadSide = kSide<T> / kPerThread;
template <typename T>
constexpr int kThreads = kThreadSide<T>* kThreadSide<T>;
template <typename T>
constexpr int kSumWidth = kThreadSide<T>* kSumsPerThread;

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

struct RowRange {
  int64_t begin, end, cloud_begin, cloud_end;
};

template <typename T>
__device__ RowRange row_range(const int64_t* tiles) {
  const int64_t* tile = tiles + 3 * static_cast<int64_t>(blockIdx.x);
  const int64_t end = tile[0] + kSide<T>;
  return {tile[0], end < tile[2] ? end : tile[2], tile[1], tile[2]};
}

/// products[a][b] = x_row · y_column; zero beyond the ends. Every sum runs over the depth in order
/// from zero, so swapping x and y gives the same bits. All threads of the block must call it.
template <typename T>
__device__ void tile_products(const T* x,
                              int64_t x_begin,
                              int64_t x_end,
                              const T* y,
                              int64_t y_begin,
                              int64_t y_end,
                              int64_t depth,
                              TileShared<T>& shared,
                              T (&products)[kPerThread][kPerThread]) {
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  for (int a = 0; a < kPerThread; ++a) {
    for (int b = 0; b < kPerThread; ++b) products[a][b] = 0;
  }
  for (int64_t d0 = 0; d0 < depth; d0 += kChunk) {
    __syncthreads();
    for (int e = static_cast<int>(threadIdx.x); e < kSide<T> * kChunk; e += kThreads<T>) {
      const int row = e / kChunk;
      const int d = e % kChunk;
      const bool inside = d0 + d < depth;
      shared.x[d][row] =
          inside && x_begin + row < x_end ? x[(x_begin + row) * depth + d0 + d] : T(0);
      shared.y[d][row] =
          inside && y_begin + row < y_end ? y[(y_begin + row) * depth + d0 + d] : T(0);
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
__device__ void add_weighted(const T* values,
                             int64_t begin,
                             int64_t end,
                             int64_t width,
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
      const bool inside = from < end && first + column < width;
      shared.values[row][column] = inside ? values[from * width + first + column] : T(0);
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

/// to[row][first + column] = sums scale[a] for the rows and columns that exist.
template <typename T>
__device__ void store_sums(const T (&sums)[kPerThread][kSumsPerThread],
                           const T (&scale)[kPerThread],
                           const RowRange& range,
                           int64_t width,
                           int64_t first,
                           T* to) {
  const int tx = static_cast<int>(threadIdx.x) % kThreadSide<T>;
  const int ty = static_cast<int>(threadIdx.x) / kThreadSide<T>;
  for (int a = 0; a < kPerThread; ++a) {
    const int64_t row = range.begin + ty + a * kThreadSide<T>;
    for (int b = 0; b < kSumsPerThread; ++b) {
      const int64_t column = first + tx + b * kThreadSide<T>;
      if (row < range.end && column < width) to[row * width + column] = sums[a][b] * scale[a];
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

/// The grid of a weighted sum of `width` columns; throws when a side is too long.
template <typename T>
dim3 sum_grid(int64_t num_tiles, int64_t width) {
  const int64_t chunks = width > 0 ? (width + kSumWidth<T> - 1) / kSumWidth<T> : 1;
  if (num_tiles > std::numeric_limits<int>::max() || chunks > 65535) {
    throw std::runtime_error("offset_attention: expected at most 2147483647 tiles and " +
                             std::to_string(65535 * kSumWidth<T>) + " columns, got " +
                             std::to_string(num_tiles) + " and " + std::to_string(width));
  }
  return dim3(static_cast<unsigned>(num_tiles), static_cast<unsigned>(chunks));
}

inline void check_attention_launch(const char* kernel) {
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) {
    throw std::runtime_error(std::string("offset_attention: ") + kernel + ": " +
                             cudaGetErrorString(error));
  }
}

}  // namespace pointattn::cuda
