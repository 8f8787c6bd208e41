// SPDX-License-Identifier: Apache-2.0
// What the kernels of the attention operators on tensor cores share. A block of eight warps owns
// kTile rows of one cloud and walks over the columns in tiles of kTile: a product leaves the scores
// in shared memory, the threads turn them into weights there (four neighbours a row), a second
// product adds the weighted values to sums in the warps' registers.
//
// Operands are float (TF32), half or bfloat16, sums float. kTerms = 3 splits a float into TF32 parts
// x = hi + lo and adds hi·hi + (hi·lo + lo·hi), about as exact as float. Tensor cores cut sums off
// instead of rounding them: this form therefore sums few products there, the small terms apart, and
// adds these parts as floats.
//
// No atomics: a block alone writes its rows, and every sum has a fixed order.
#pragma once

#include "cuda/attention_tile.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <mma.h>

namespace pointattn::cuda::tensor {

constexpr int kTile = 64;
constexpr int kBlock = 256;  // threads
constexpr int kWidth = 128;  // columns of a weighted sum
// Up to here a warp holds one row of fragments of a sum instead of two: registers are scarce.
constexpr int kNarrow = kWidth / 2;
constexpr int kDepth = 32;               // depth that lies in shared memory at a time
constexpr int kFragment = 16;            // rows and columns that a tensor core multiplies at once
constexpr int kLanes = kBlock / kTile;   // threads that share a row of scores
constexpr int kScores = kTile / kLanes;  // scores of a thread: columns lane + kLanes·b of its row

// Lines of matrices in shared memory are longer than their contents, so that the rows of a fragment
// meet different banks.
constexpr int kScoreLine = kTile + 4;
constexpr int kValueLine = kWidth + 8;
template <typename T>
constexpr int kDepthLine = kDepth + 16 / static_cast<int>(sizeof(T));
template <typename T>
constexpr int kWeightLine = kScoreLine* static_cast<int>(sizeof(float) / sizeof(T));
template <typename T>
constexpr int kValueRows = 128 / static_cast<int>(sizeof(T));

// Weights at most 1 are kept times this: half has no normal numbers below 6e-5.
template <typename T>
constexpr float kWeightUnit = 1;
template <>
constexpr float kWeightUnit<__half> = 32768;

/// Code for older architectures has no such operands; its kernels stop.
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define POINTATTN_TENSOR_CORES 1

namespace wmma = nvcuda::wmma;

template <typename T>
struct Operand {
  using Type = T;
  static constexpr int kDepth = 16;
};
template <>
struct Operand<float> {
  using Type = wmma::precision::tf32;
  static constexpr int kDepth = 8;
};
template <typename T>
using Left = wmma::fragment<wmma::matrix_a,
                            kFragment,
                            kFragment,
                            Operand<T>::kDepth,
                            typename Operand<T>::Type,
                            wmma::row_major>;
template <typename T, typename Layout>
using Right = wmma::fragment<wmma::matrix_b,
                             kFragment,
                             kFragment,
                             Operand<T>::kDepth,
                             typename Operand<T>::Type,
                             Layout>;
template <typename T>
using Sum = wmma::fragment<wmma::accumulator, kFragment, kFragment, Operand<T>::kDepth, float>;

/// The first elements of fragments must lie at multiples of 32 bytes.
template <typename T>
struct alignas(128) Shared {
  float scores[kTile * kScoreLine];  // then weights of type T, lines of kWeightLine
  T x[kTile * kDepthLine<T>];
  T y[kValueRows<T> * kValueLine];  // columns' part of a product, then values
};

/// to[r][c] = matrix[begin + r][first + c] for r < kRows and c < kColumns; zero beyond the ends.
template <int kRows, int kColumns, int kLine, typename T>
__device__ void stage(
    const HeadMatrix<T>& matrix, int64_t begin, int64_t end, int64_t first, T* to) {
  constexpr int kPack = 16 / static_cast<int>(sizeof(T));
  const auto address = reinterpret_cast<std::uintptr_t>(matrix.data);
  const int thread = static_cast<int>(threadIdx.x);
  if (matrix.width % kPack == 0 && matrix.stride % kPack == 0 && address % 16 == 0) {
    constexpr int kPacks = kColumns / kPack;
#pragma unroll
    for (int e = thread; e < kRows * kPacks; e += kBlock) {
      const int row = e / kPacks;
      const int column = e % kPacks * kPack;
      int4 numbers = {0, 0, 0, 0};
      if (begin + row < end && first + column < matrix.width) {
        numbers = *reinterpret_cast<const int4*>(matrix.data + (begin + row) * matrix.stride +
                                                 first + column);
      }
      *reinterpret_cast<int4*>(to + row * kLine + column) = numbers;
    }
    return;
  }
#pragma unroll 1
  for (int e = thread; e < kRows * kColumns; e += kBlock) {
    const int row = e / kColumns;
    const int column = e % kColumns;
    const bool inside = begin + row < end && first + column < matrix.width;
    to[row * kLine + column] =
        inside ? matrix.data[(begin + row) * matrix.stride + first + column] : T(0.0F);
  }
}

/// Rounds what was loaded as float to TF32; a fragment of another type is what it is.
template <typename Fragment>
__device__ void round_fragment(Fragment& fragment) {
  if constexpr (Fragment::num_elements > 0 && sizeof(fragment.x[0]) == sizeof(float)) {
    for (int i = 0; i < fragment.num_elements; ++i)
      fragment.x[i] = wmma::__float_to_tf32(fragment.x[i]);
  }
}

/// Leaves in `rest` what the rounding of `all` takes from it, rounded by its bits: that is faster
/// than a conversion, which a NaN needs but `all` then has.
template <typename Fragment>
__device__ void split_fragment(Fragment& all, Fragment& rest) {
  for (int i = 0; i < all.num_elements; ++i) {
    const float value = all.x[i];
    all.x[i] = wmma::__float_to_tf32(value);
    rest.x[i] = __uint_as_float((__float_as_uint(value - all.x[i]) + 0x1000U) & 0xffffe000U);
  }
}

/// The first element of a fragment of the right operand, column `column` and depth `depth`.
template <typename Layout, typename T>
__device__ const T* right_at(const T* right, int line, int column, int depth) {
  constexpr bool kRowMajor = std::is_same_v<Layout, wmma::row_major>;
  return right + (kRowMajor ? depth * line + column : column * line + depth);
}

/// sums[a][b] += left_a · right_b over `kLength` numbers, for a < rows and b < columns.
template <int kLength, typename Layout, int kA, int kB, typename T>
__device__ void multiply(const T* left,
                         int left_line,
                         const T* right,
                         int right_line,
                         int rows,
                         int columns,
                         Sum<T> (*sums)[kB]) {
#pragma unroll 2
  for (int d = 0; d < kLength; d += Operand<T>::kDepth) {
    Right<T, Layout> y[kB];
#pragma unroll
    for (int b = 0; b < kB; ++b) {
      if (b >= columns) break;
      wmma::load_matrix_sync(
          y[b], right_at<Layout>(right, right_line, b * kFragment, d), right_line);
      round_fragment(y[b]);
    }
#pragma unroll
    for (int a = 0; a < kA; ++a) {
      if (a >= rows) break;
      Left<T> x;
      wmma::load_matrix_sync(x, left + a * kFragment * left_line + d, left_line);
      round_fragment(x);
#pragma unroll
      for (int b = 0; b < kB; ++b) {
        if (b < columns) wmma::mma_sync(sums[a][b], x, y[b], sums[a][b]);
      }
    }
  }
}

/// part += x y in TF32 and small += x_rest y + x y_rest.
template <typename Layout>
__device__ void multiply_parts(const Left<float>& x,
                               const Left<float>& x_rest,
                               const Right<float, Layout>& y,
                               const Right<float, Layout>& y_rest,
                               Sum<float>& part,
                               Sum<float>& small) {
  wmma::mma_sync(small, x_rest, y, small);
  wmma::mma_sync(small, x, y_rest, small);
  wmma::mma_sync(part, x, y, part);
}

/// The same with floats split in two, for kOthers fragments of the right operand and one of the left
/// if kLeft, else the other way round: sums[f] of fragment f < count of them.
template <int kLength, bool kLeft, int kOthers, typename Layout>
__device__ void multiply_split(const float* left,
                               int left_line,
                               const float* right,
                               int right_line,
                               int count,
                               Sum<float>* const (&sums)[kOthers]) {
  Sum<float> part[kOthers];
  Sum<float> small[kOthers];
#pragma unroll
  for (int f = 0; f < kOthers; ++f) {
    wmma::fill_fragment(part[f], 0.0F);
    wmma::fill_fragment(small[f], 0.0F);
  }
#pragma unroll 1
  for (int d = 0; d < kLength; d += Operand<float>::kDepth) {
    Left<float> x;
    Left<float> x_rest;
    Right<float, Layout> y;
    Right<float, Layout> y_rest;
    const auto load_left = [&](int f) {
      wmma::load_matrix_sync(x, left + f * kFragment * left_line + d, left_line);
      split_fragment(x, x_rest);
    };
    const auto load_right = [&](int f) {
      wmma::load_matrix_sync(y, right_at<Layout>(right, right_line, f * kFragment, d), right_line);
      split_fragment(y, y_rest);
    };
    kLeft ? load_left(0) : load_right(0);
#pragma unroll
    for (int f = 0; f < kOthers; ++f) {
      if (f >= count) break;
      kLeft ? load_right(f) : load_left(f);
      multiply_parts<Layout>(x, x_rest, y, y_rest, part[f], small[f]);
    }
  }
#pragma unroll
  for (int f = 0; f < kOthers; ++f) {
    for (int i = 0; i < part[f].num_elements; ++i) sums[f]->x[i] += part[f].x[i] + small[f].x[i];
  }
}

/// Leaves in shared.scores the products x_row · y_column, zero beyond the ends, for all threads of
/// the block, which must all call it. With `staged`, x is there from the last call.
template <int kTerms, typename T>
__device__ void tile_products(const HeadMatrix<T>& x,
                              int64_t x_begin,
                              int64_t x_end,
                              const HeadMatrix<T>& y,
                              int64_t y_begin,
                              int64_t y_end,
                              bool staged,
                              Shared<T>& shared) {
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int row = warp % 2 * (2 * kFragment);
  const int column = warp / 2 * kFragment;
  Sum<T> sums[2][1];
  wmma::fill_fragment(sums[0][0], 0.0F);
  wmma::fill_fragment(sums[1][0], 0.0F);
  int64_t d0 = 0;
  do {
    __syncthreads();
    if (!staged) stage<kTile, kDepth, kDepthLine<T>>(x, x_begin, x_end, d0, shared.x);
    stage<kTile, kDepth, kDepthLine<T>>(y, y_begin, y_end, d0, shared.y);
    __syncthreads();
    const T* const left = shared.x + row * kDepthLine<T>;
    const T* const right = shared.y + column * kDepthLine<T>;
    if constexpr (kTerms == 3) {
      multiply_split<kDepth, false, 2, wmma::col_major>(
          left, kDepthLine<T>, right, kDepthLine<T>, 2, {&sums[0][0], &sums[1][0]});
    } else {
      multiply<kDepth, wmma::col_major, 2, 1>(
          left, kDepthLine<T>, right, kDepthLine<T>, 2, 1, sums);
    }
    d0 += kDepth;
  } while (d0 < x.width);
  for (int a = 0; a < 2; ++a) {
    wmma::store_matrix_sync(shared.scores + (row + a * kFragment) * kScoreLine + column,
                            sums[a][0],
                            kScoreLine,
                            wmma::mem_row_major);
  }
  __syncthreads();
}

/// Whether x of tile_products may stay in shared memory from one tile to the next.
template <typename T>
__device__ bool stays(const HeadMatrix<T>& x, int64_t column, const TileRange& range) {
  return x.width <= kDepth && column > range.columns;
}

/// What of a weighted sum [kTile, kWidth] belongs to a warp: fragments from `row` and `column`.
struct WarpPart {
  int row, column, rows, columns;
};

/// Splits a sum of `width` columns among the warps: narrow ones by rows.
__device__ inline WarpPart warp_part(int64_t width) {
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int fragments =
      static_cast<int>((min(width, static_cast<int64_t>(kWidth)) + kFragment - 1) / kFragment);
  const int rows = fragments > 4 ? 2 : 1;
  const int columns = fragments > 2 ? 2 : 1;
  const int groups = kTile / kFragment / rows;
  const int first = warp / groups * columns;
  return {warp % groups * rows * kFragment,
          first * kFragment,
          rows,
          max(0, min(columns, fragments - first))};
}

// kHeld rows of fragments are in a warp's registers.
template <typename T, int kHeld>
using WarpSums = Sum<T>[kHeld][2];

template <typename T, int kHeld>
__device__ void clear(Sum<T> (&sums)[kHeld][2]) {
#pragma unroll
  for (int a = 0; a < kHeld; ++a) {
#pragma unroll
    for (int b = 0; b < 2; ++b) wmma::fill_fragment(sums[a][b], 0.0F);
  }
}

/// Writes a row's weights over its scores, which its threads have read.
template <typename T>
__device__ void put_weights(const float (&weights)[kScores], Shared<T>& shared) {
  const int row = static_cast<int>(threadIdx.x) / kLanes;
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  T* const to = reinterpret_cast<T*>(shared.scores) + row * kWeightLine<T> + lane;
  __syncwarp();
#pragma unroll
  for (int b = 0; b < kScores; ++b) to[b * kLanes] = T(weights[b]);
}

template <typename T>
__device__ void get_scores(const Shared<T>& shared, float (&scores)[kScores]) {
  const int row = static_cast<int>(threadIdx.x) / kLanes;
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
#pragma unroll
  for (int b = 0; b < kScores; ++b) scores[b] = shared.scores[row * kScoreLine + lane + b * kLanes];
}

/// sums += Σ_c weights[row][c] values[begin + c][first + column] over one tile of columns; the
/// weights lie in shared memory and are zero beyond `end`. All threads of the block must call it.
template <int kTerms, int kHeld, typename T>
__device__ void add_weighted(const HeadMatrix<T>& values,
                             int64_t begin,
                             int64_t end,
                             int64_t first,
                             const WarpPart& part,
                             Shared<T>& shared,
                             Sum<T> (&sums)[kHeld][2]) {
  const T* const weights = reinterpret_cast<const T*>(shared.scores) + part.row * kWeightLine<T>;
  for (int c0 = 0; c0 < kTile && begin + c0 < end; c0 += kValueRows<T>) {
    if (c0 > 0) __syncthreads();
    stage<kValueRows<T>, kWidth, kValueLine>(values, begin + c0, end, first, shared.y);
    __syncthreads();
    const T* const right = shared.y + part.column;
    if constexpr (kTerms == 3) {
#pragma unroll
      for (int a = 0; a < kHeld; ++a) {
        if (a >= part.rows) break;
        multiply_split<kValueRows<T>, true, 2, wmma::row_major>(
            weights + a * kFragment * kWeightLine<T> + c0,
            kWeightLine<T>,
            right,
            kValueLine,
            part.columns,
            {&sums[a][0], &sums[a][1]});
      }
    } else {
      multiply<kValueRows<T>, wmma::row_major, kHeld, 2>(
          weights + c0, kWeightLine<T>, right, kValueLine, part.rows, part.columns, sums);
    }
  }
}

/// to[row][first + column] = sums scale for the rows and columns that exist, `scale` that of the
/// thread's row of scores; rows of `to` are `stride` elements apart. All threads must call it.
template <int kHeld, typename T>
__device__ void store_sums(const Sum<T> (&sums)[kHeld][2],
                           const WarpPart& part,
                           float scale,
                           const TileRange& range,
                           int64_t width,
                           int64_t stride,
                           int64_t first,
                           Shared<T>& shared,
                           T* to) {
  const int64_t row = range.begin + static_cast<int>(threadIdx.x) / kLanes;
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  for (int half = 0; half < kWidth && first + half < width; half += kTile) {
    __syncthreads();
#pragma unroll
    for (int a = 0; a < kHeld; ++a) {
#pragma unroll
      for (int b = 0; b < 2; ++b) {
        const int column = part.column + b * kFragment - half;
        if (a < part.rows && b < part.columns && column >= 0 && column < kTile) {
          wmma::store_matrix_sync(shared.scores + (part.row + a * kFragment) * kScoreLine + column,
                                  sums[a][b],
                                  kScoreLine,
                                  wmma::mem_row_major);
        }
      }
    }
    __syncthreads();
    float values[kScores];
    get_scores(shared, values);
#pragma unroll
    for (int b = 0; b < kScores; ++b) {
      const int64_t column = first + half + lane + b * kLanes;
      if (row < range.end && column < width) to[row * stride + column] = T(values[b] * scale);
    }
  }
}

/// Sum and maximum over the threads that share a row; every one gets the result.
__device__ inline float sum_of_row(float value) {
  for (int step = kLanes / 2; step > 0; step /= 2)
    value += __shfl_xor_sync(0xffffffffU, value, step);
  return value;
}
__device__ inline float max_of_row(float value) {
  for (int step = kLanes / 2; step > 0; step /= 2) {
    const float other = __shfl_xor_sync(0xffffffffU, value, step);
    value = other > value ? other : value;
  }
  return value;
}

#endif

}  // namespace pointattn::cuda::tensor
