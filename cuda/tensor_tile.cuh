// SPDX-License-Identifier: Apache-2.0
// What the kernels of the attention operators on tensor cores share. A block of four warps owns kTile
// rows of one cloud, a warp 16 of them, and walks over its share of the columns in tiles of kTile. The
// scores of a tile stay in registers: a product leaves them where the tensor core wants the left
// operand of the next one, so that they become weights in place and are multiplied with the values.
// Meanwhile the operands of the next product are on their way to shared memory.
//
// Operands are half or bfloat16, sums float. kTerms = 2 is for floats split in two halves
// (cuda/packed_rows.cuh): hi·hi + (hi·lo + lo·hi). Tensor cores cut sums off instead of rounding them:
// this form sums at most 32 products of high parts there, the small terms apart, and adds these as
// floats. Weights are brought to the range of a half by a power of two for each row and tile.
//
// No atomics: a block alone writes its sums, and every sum has a fixed order.
#pragma once

#include "cuda/attention_tile.cuh"
#include "cuda/packed_rows.cuh"
#include "cuda/row_sums.cuh"
#include "cuda/tensor_instructions.cuh"

#include <cstdint>
#include <type_traits>

/// Code for older architectures has no such operands; its kernels stop.
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define POINTATTN_TENSOR_CORES 1
#endif

namespace pointattn::cuda::tensor {

constexpr int kTile = 64;
constexpr int kBlock = 128;  // threads
constexpr int kWide = 128;   // columns of a weighted sum
// Blocks that share a processor: as many as find registers for what they hold.
template <int kTerms, int kWidth>
constexpr int kBlocks = kTerms == 2 && kWidth == kWide ? 2 : 3;
template <int kTerms>
constexpr int kDepth = 64 / kTerms;  // depth that is multiplied at a time: lines of 128 bytes
// A sum of no more columns needs fewer registers.
template <int kTerms>
constexpr int kNarrow = kDepth<kTerms>;

/// Scores or weights of a tile. A thread has those of two rows: number j of group n is of row
/// row_of(j / 2), column column_of(n, j).
struct Scores {
  float at[kTile / 8][4];
};
__device__ inline int row_of(int half) {
  const int thread = static_cast<int>(threadIdx.x);
  return thread / kWarp * 16 + thread % kWarp / 4 + 8 * half;
}
__device__ inline int column_of(int n, int j) {
  return 8 * n + 2 * (static_cast<int>(threadIdx.x) % 4) + j % 2;
}

/// function(n, j) for every score of a thread.
template <typename Function>
__device__ __forceinline__ void for_scores(const Function& function) {
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
    for (int j = 0; j < 4; ++j) function(n, j);
  }
}

/// Weighted sums of kWidth columns for a warp's rows, laid out as scores.
template <int kWidth>
struct Sums {
  float at[kWidth / 8][4];
};
template <>
struct Sums<0> {};

/// Sum and maximum over the threads that share rows; every one gets the result.
__device__ inline float sum_of_row(float value) {
  for (int step = 1; step < 4; step *= 2) value += __shfl_xor_sync(0xffffffffU, value, step);
  return value;
}
__device__ inline float max_of_row(float value) {
  for (int step = 1; step < 4; step *= 2) {
    const float other = __shfl_xor_sync(0xffffffffU, value, step);
    value = other > value ? other : value;
  }
  return value;
}

/// One number of each column, zero where there is none.
struct Factor {
  const float* data;  ///< or null
  int64_t stride;
};

template <typename N, int kTerms, int kWidth, int kFactors>
struct alignas(128) Shared {
  // Operands of two steps: while one is multiplied, the next comes.
  N x[2][kTile * 8 * kPack];
  N y[2][kTile * 8 * kPack];
  N values[kWidth > 0 ? kTile* kTerms* kWidth : 8];
  float factors[2][kFactors][kTile];
};

/// Where a pack of 16 bytes lies. Those of eight rows in a line's column meet different banks.
template <int kPacks>
__device__ __forceinline__ int pack_place(int row, int pack) {
  return (row * kPacks + (pack ^ (row & 7))) * kPack;
}

/// Begins to copy kColumns columns from `first` on of kTile rows from `begin` on; zeros beyond the
/// ends. The terms of a row lie one after the other.
template <int kTerms, int kColumns, typename N>
__device__ __forceinline__ void stage_rows(
    const Packed<N>& from, int64_t begin, int64_t end, int64_t first, N* to) {
  constexpr int kPart = kColumns / kPack;
  constexpr int kPacks = kTerms * kPart;
  constexpr int kStep = kBlock / kPacks;
  static_assert(kPacks % 8 == 0 && kBlock % kPacks == 0);
  const int pack = static_cast<int>(threadIdx.x) % kPacks;
  const int row = static_cast<int>(threadIdx.x) / kPacks;
  const int64_t column = first + pack % kPart * kPack;
  const int64_t step = kStep * kTerms * from.line;
  const int rows = column < from.line ? static_cast<int>(min(end - begin, int64_t{kTile})) : 0;
  const N* source = from.data + ((begin + row) * kTerms + pack / kPart) * from.line + column;
#pragma unroll
  for (int r = 0; r < kTile; r += kStep) {
    const bool there = row + r < rows;
    copy_async<16>(to + pack_place<kPacks>(row + r, pack), there ? source : from.data, there);
    source += step;
  }
}

template <int kFactors>
__device__ __forceinline__ void stage_factors(const Factor (&from)[kFactors],
                                              int64_t begin,
                                              int64_t end,
                                              float (*to)[kTile]) {
  const int column = static_cast<int>(threadIdx.x);
  if (column >= kTile) return;
#pragma unroll
  for (int f = 0; f < kFactors; ++f) {
    const bool there = from[f].data != nullptr && begin + column < end;
    copy_async<4>(&to[f][column],
                  there ? from[f].data + (begin + column) * from[f].stride : from[0].data,
                  there);
  }
}

/// scores += x_row · y_column over the depth in shared memory, of which `left` numbers count.
template <int kTerms, typename N>
__device__ __forceinline__ void add_products(const N* x, const N* y, int64_t left, Scores& scores) {
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  unsigned a[4][4];  // of two terms: high, high, low, low
#pragma unroll
  for (int s = 0; s < 4; ++s)
    load_matrices<false>(x + pack_place<8>(16 * warp + lane % 16, 2 * s + lane / 16), a[s]);
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
    unsigned b[2][4];
#pragma unroll
    for (int s = 0; s < 2; ++s)
      load_matrices<false>(y + pack_place<8>(8 * n + lane % 8, 4 * s + lane / 8), b[s]);
    float high[4] = {};
    if constexpr (kTerms == 2) {
      float low[4] = {};
#pragma unroll
      for (int s = 0; s < 2; ++s) {
        if (16 * s >= left) break;
        multiply<N>(high, a[s], b[0][2 * s], b[0][2 * s + 1]);
        multiply<N>(low, a[2 + s], b[0][2 * s], b[0][2 * s + 1]);
        multiply<N>(low, a[s], b[1][2 * s], b[1][2 * s + 1]);
      }
#pragma unroll
      for (int j = 0; j < 4; ++j) high[j] += low[j];
    } else {
#pragma unroll
      for (int s = 0; s < 4; ++s) {
        if (16 * s >= left) break;
        multiply<N>(high, a[s], b[s / 2][s % 2 * 2], b[s / 2][s % 2 * 2 + 1]);
      }
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) scores.at[n][j] += high[j];
  }
}

/// sums += Σ_c weights[row][c] values[c] over one tile of columns, `columns` of them wide.
template <int kTerms, int kWidth, typename N>
__device__ __forceinline__ void add_weighted(const Scores& weights,
                                             const N* values,
                                             int64_t columns,
                                             Sums<kWidth>& sums) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  float most[2] = {};
  for_scores([&](int n, int j) { most[j / 2] = max(most[j / 2], fabsf(weights.at[n][j])); });
  float scale[2];
  float unit[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    scale[half] = scale_for(max_of_row(most[half]));
    unit[half] = inverse(scale[half]);
  }
  unsigned a[kTerms][kTile / 16][4];
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float first = weights.at[n][2 * half] * scale[half];
      const float second = weights.at[n][2 * half + 1] * scale[half];
      const unsigned high = pack<N>(first, second);
      a[0][n / 2][n % 2 * 2 + half] = high;
      if constexpr (kTerms == 2) {
        const float2 rounded = unpack<N>(high);
        a[1][n / 2][n % 2 * 2 + half] = pack<N>(first - rounded.x, second - rounded.y);
      }
    }
  }
#pragma unroll
  for (int n = 0; n < kWidth / 8; n += 2) {
    if (8 * n >= columns) break;
    float high[2][2][4] = {};  // of each half of the tile's columns
    float low[2][4] = {};
#pragma unroll
    for (int s = 0; s < kTile / 16; ++s) {
      unsigned b[kTerms][4];
#pragma unroll
      for (int term = 0; term < kTerms; ++term) {
        load_matrices<true>(values + pack_place<kTerms * kWidth / kPack>(
                                         16 * s + lane % 16, term * kWidth / kPack + n + lane / 16),
                            b[term]);
      }
#pragma unroll
      for (int c = 0; c < 2; ++c) {
        multiply<N>(high[s / 2][c], a[0][s], b[0][2 * c], b[0][2 * c + 1]);
        if constexpr (kTerms == 2) {
          multiply<N>(low[c], a[1][s], b[0][2 * c], b[0][2 * c + 1]);
          multiply<N>(low[c], a[0][s], b[1][2 * c], b[1][2 * c + 1]);
        }
      }
    }
#pragma unroll
    for (int c = 0; c < 2; ++c) {
#pragma unroll
      for (int j = 0; j < 4; ++j)
        sums.at[n + c][j] += (high[0][c][j] + high[1][c][j] + low[c][j]) * unit[j / 2];
    }
  }
}

/// A pair of operands whose rows are multiplied: those of the block with those of the columns.
template <typename N>
struct Operands {
  Packed<N> x, y;
};

/// Walks over the columns of `range` in tiles. weigh(scores, first column, factors) gets the products
/// of each pair of operands without their units and the factors of the columns, and leaves weights in
/// scores[0], zero beyond the end; these times columns first … first + kWidth of `values`, without
/// their units, are added to `sums` (not if kWidth is 0).
template <int kTerms, int kWidth, int kPairs, int kFactors, typename N, typename Weigh>
__device__ __forceinline__ void walk(const TileRange& range,
                                     const Operands<N> (&pairs)[kPairs],
                                     const Packed<N>& values,
                                     int64_t first,
                                     const Factor (&factors)[kFactors],
                                     Shared<N, kTerms, kWidth, kFactors>& shared,
                                     Sums<kWidth>& sums,
                                     const Weigh& weigh) {
  constexpr int kStep = kDepth<kTerms>;
  if (range.columns >= range.columns_end) return;
  // The rows' operand stays where a tile takes one step.
  const bool stays = kPairs == 1 && pairs[0].x.line <= kStep;
  int slot = 0;
  int tile = 0;
  const auto stage = [&](const Operands<N>& pair, int64_t c0, int64_t d0, int to) {
    if (!stays || c0 < range.columns + 2 * kTile)
      stage_rows<kTerms, kStep>(pair.x, range.begin, range.end, d0, shared.x[to]);
    stage_rows<kTerms, kStep>(pair.y, c0, range.columns_end, d0, shared.y[to]);
  };
  stage(pairs[0], range.columns, 0, slot);
  stage_factors(factors, range.columns, range.columns_end, shared.factors[0]);
  for (int64_t c0 = range.columns; c0 < range.columns_end; c0 += kTile, ++tile) {
    Scores scores[kPairs] = {};
#pragma unroll
    for (int p = 0; p < kPairs; ++p) {
      const int64_t line = pairs[p].x.line;
#pragma unroll 1
      for (int64_t d0 = 0; d0 < line; d0 += kStep) {
        wait_for_copies();
        __syncthreads();
        if constexpr (kWidth > 0) {
          if (p == 0 && d0 == 0)
            stage_rows<kTerms, kWidth>(values, c0, range.columns_end, first, shared.values);
        }
        if (d0 + kStep < line) {
          stage(pairs[p], c0, d0 + kStep, slot ^ 1);
        } else if (p + 1 < kPairs) {
          stage(pairs[(p + 1) % kPairs], c0, 0, slot ^ 1);
        } else if (c0 + kTile < range.columns_end) {
          stage(pairs[0], c0 + kTile, 0, slot ^ 1);
          stage_factors(factors, c0 + kTile, range.columns_end, shared.factors[(tile + 1) % 2]);
        }
        add_products<kTerms>(shared.x[slot], shared.y[slot], line - d0, scores[p]);
        slot ^= 1;
      }
    }
    weigh(scores, c0, shared.factors[tile % 2]);
    if constexpr (kWidth > 0) {
      wait_for_copies();
      __syncthreads();
      add_weighted<kTerms, kWidth>(scores[0], shared.values, values.line - first, sums);
    }
  }
}

/// The rows of a block and its share of their columns, in whole tiles.
struct Share {
  TileRange range;
  int64_t split;
};
__device__ inline Share share_of(const AttentionTiles& tiles, int64_t splits) {
  const int64_t block = blockIdx.x;
  const int64_t split = block / tiles.count;
  const int64_t* const tile = tiles.data + kTileNumbers * (block % tiles.count);
  const int64_t each = (tile[3] - tile[2] + splits * kTile - 1) / (splits * kTile) * kTile;
  const int64_t begin = min(tile[2] + split * each, tile[3]);
  return {{tile[0], tile[1], begin, min(begin + each, tile[3])}, split};
}

/// Writes the sums of a warp's rows, and where the block is the first of a row its total and maximum.
template <int kWidth>
__device__ __forceinline__ void leave_sums(const Share& share,
                                           int64_t head,
                                           int64_t first,
                                           const Sums<kWidth>& sums,
                                           const float (&totals)[2],
                                           const float (&most)[2],
                                           const RowSums& to) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float total = sum_of_row(totals[half]);
    const int64_t row = share.range.begin + row_of(half);
    if (row >= share.range.end) continue;
    const int64_t place = to.place(share.split, head, row);
    if (first == 0 && threadIdx.x % 4 == 0) {
      to.totals[place] = total;
      to.max[place] = most[half];
    }
    if constexpr (kWidth > 0) {
      float* const line = to.sums + place * to.line + first;
#pragma unroll
      for (int n = 0; n < kWidth / 8; ++n) {
        if (first + 8 * n >= to.line) break;
        *reinterpret_cast<float2*>(line + column_of(n, 0)) = {sums.at[n][2 * half],
                                                              sums.at[n][2 * half + 1]};
      }
    }
  }
}

/// One number of each of a thread's rows, 0 beyond the end.
struct RowNumbers {
  float at[2];
};
__device__ inline RowNumbers row_numbers(const Factor& from, const TileRange& range) {
  RowNumbers numbers;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int64_t row = range.begin + row_of(half);
    numbers.at[half] =
        from.data != nullptr && row < range.end ? from.data[row * from.stride] : 0.0F;
  }
  return numbers;
}

/// The rows of one head of packed ones.
template <int kTerms, typename N>
__device__ Packed<N> head_of(const Packed<N>& all, int64_t head, int64_t rows) {
  return {all.data + head * rows * kTerms * all.line, all.unit + head * rows, all.line};
}

/// How many blocks share the columns of a row: as many as run at once, `blocks_at_once` on a
/// processor, beside those of other tiles, none with less than two tiles.
inline int64_t splits_for(const AttentionTiles& tiles,
                          int64_t blocks_of_a_tile,
                          int64_t blocks_at_once) {
  int device = 0;
  int processors = 0;
  check("device", cudaGetDevice(&device));
  check("processors", cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device));
  const int64_t blocks = std::max<int64_t>(tiles.count * blocks_of_a_tile, 1);
  const int64_t most = std::max<int64_t>(tiles.most_columns / (2 * kTile), 1);
  return std::clamp<int64_t>(int64_t{processors} * blocks_at_once / blocks, 1, most);
}

/// Room for what the blocks leave of sums of `width` columns.
template <int kTerms>
RowSums room_for(const AttentionTiles& tiles,
                 int64_t heads,
                 int64_t rows,
                 int64_t width,
                 const Scratch& scratch) {
  const int64_t chunks = width <= kNarrow<kTerms> ? 1 : (width + kWide - 1) / kWide;
  const int64_t splits = splits_for(tiles, chunks * heads, kBlocks<kTerms, kWide>);
  return row_sums(splits, heads, rows, width, scratch);
}

/// launch(kWidth) with the width of the kernel that suits sums of `width` columns.
template <int kTerms, typename Launch>
void for_width(int64_t width, const Launch& launch) {
  if (width <= kNarrow<kTerms>) {
    launch(std::integral_constant<int, kNarrow<kTerms>>());
  } else {
    launch(std::integral_constant<int, kWide>());
  }
}

/// Launches a kernel of kWidth columns whose shared memory is a SharedMemory.
template <typename SharedMemory, int kWidth, typename Walk>
void launch_walk(void (*kernel)(Walk), const char* name, const Walk& walk, cudaStream_t stream) {
  const RowSums& to = walk.to;
  const dim3 grid =
      sum_grid(walk.tiles.count * to.splits, to.width, to.heads, kWidth > 0 ? kWidth : kWide);
  check(name,
        cudaFuncSetAttribute(kernel,
                             cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(sizeof(SharedMemory))));
  kernel<<<grid, kBlock, sizeof(SharedMemory), stream>>>(walk);
  check_launch(name);
}

}  // namespace pointattn::cuda::tensor
