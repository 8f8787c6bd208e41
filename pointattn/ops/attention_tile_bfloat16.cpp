// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention_tile_impl.h"

#include <immintrin.h>

// Products of bfloat16 numbers, two of one sum at a time (VDPBF16PS): a *word* holds the entries 2 p and 2 p + 1 of a
// sum, the first in its low half. Panels are of words: [panel][⌈depth/2⌉][columns of a panel], as far
// apart as panels of floats would be.
namespace pointattn::ops::tile {
namespace {

constexpr int64_t kWords = kTileCols / 2;  // of the longest sum

[[gnu::always_inline]] inline __mmask16 first_lanes(int64_t count) {
  return count >= 16 ? 0xffff : static_cast<__mmask16>((1U << (count < 0 ? 0 : count)) - 1);
}

/// Both rounded to bfloat16: a word of each pair of lanes, `even` in its low half.
[[gnu::always_inline]] inline __m512i words_of(__m512 even, __m512 odd) {
  const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even));
  const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

void pack_columns_of_pairs(Rows<const float> from, int64_t rows, const float* factor, float* to) {
  const auto scaled = [&](int64_t r, int64_t c) {
    if (r >= rows) return _mm512_setzero_ps();
    const float* row = from.first + r * from.stride + c;
    return _mm512_maskz_loadu_ps(first_lanes(from.width - c), row) * _mm512_set1_ps(factor[r]);
  };
  for (int64_t c = 0; c < from.width; c += kPanel<float>, to += rows * kPanel<float>) {
    float* word = to;
    for (int64_t r = 0; r < rows; r += 2) {
      for (int64_t lane = 0; lane < kPanel<float>; lane += 16, word += 16) {
        _mm512_storeu_si512(word, words_of(scaled(r, c + lane), scaled(r + 1, c + lane)));
      }
    }
  }
}

/// out[rows,:] += left · right for a group of rows, whose words lie kRowStride and kPairStride apart.
template <int64_t kRowStride, int64_t kPairStride>
[[gnu::always_inline]] inline void multiply_group(
    const int32_t* left, int64_t pairs, Panels<float> right, int64_t rows, Rows<float> out) {
  for (int64_t c = 0; c < out.width; c += kPanel<float>, right.first += right.stride) {
    __m512 sums[kGroup][2];
#pragma GCC unroll 12
    for (int64_t r = 0; r < kGroup; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_ps();
    const int32_t* words = left;
    const float* panel = right.first;
    for (int64_t p = 0; p < pairs; ++p, words += kPairStride, panel += kPanel<float>) {
      const auto b0 = (__m512bh)_mm512_loadu_si512(panel);
      const auto b1 = (__m512bh)_mm512_loadu_si512(panel + 16);
#pragma GCC unroll 12
      for (int64_t r = 0; r < kGroup; ++r) {
        const auto a = (__m512bh)_mm512_set1_epi32(words[r * kRowStride]);
        sums[r][0] = _mm512_dpbf16_ps(sums[r][0], a, b0);
        sums[r][1] = _mm512_dpbf16_ps(sums[r][1], a, b1);
      }
    }
    Block<float> block;
    __builtin_memcpy(&block, &sums, sizeof(block));
    add_block<float>(block, out.first + c, out.stride, rows, out.width - c);
  }
}

void multiply_pairs(
    const float* tile, int64_t rows, int64_t depth, Panels<float> right, Rows<float> out) {
  alignas(64) int32_t words[kGroup * kWords];
  for (int64_t first = 0; first < rows; first += kGroup) {
    for (int64_t r = 0; r < kGroup; ++r) {
      const float* row = tile + (first + r) * kTileCols;
      for (int64_t c = 0; c < depth; c += 32) {
        const __m512 low = _mm512_maskz_loadu_ps(first_lanes(depth - c), row + c);
        const __m512 high = _mm512_maskz_loadu_ps(first_lanes(depth - c - 16), row + c + 16);
        _mm512_store_si512(words + r * kWords + c / 2, (__m512i)_mm512_cvtne2ps_pbh(high, low));
      }
    }
    const Rows<float> to{out.first + first * out.stride, out.stride, out.width};
    multiply_group<kWords, 1>(words, (depth + 1) / 2, right, rows - first, to);
  }
}

void multiply_pairs_transposed(
    const float* tile, int64_t rows, int64_t cols, Panels<float> right, Rows<float> out) {
  constexpr int64_t kStride = 16;
  alignas(64) int32_t words[kStride * kWords];
  for (int64_t first = 0; first < cols; first += kGroup) {
    for (int64_t r = 0; r < rows; r += 2) {
      const float* at = tile + r * kTileCols + first;
      const __m512 even = _mm512_maskz_loadu_ps(first_lanes(kGroup), at);
      const __m512 odd = r + 1 < rows ? _mm512_maskz_loadu_ps(first_lanes(kGroup), at + kTileCols)
                                      : _mm512_setzero_ps();
      _mm512_store_si512(words + r / 2 * kStride, words_of(even, odd));
    }
    const Rows<float> to{out.first + first * out.stride, out.stride, out.width};
    multiply_group<1, kStride>(words, (rows + 1) / 2, right, cols - first, to);
  }
}

}  // namespace

Kernels<float> avx512_bfloat16_kernels() {
  Kernels<float> table = avx512_kernels<float>();
  table.packed_rows = 2;
  table.pack_columns = pack_columns_of_pairs;
  table.multiply = multiply_pairs;
  table.multiply_transposed = multiply_pairs_transposed;
  return table;
}

}  // namespace pointattn::ops::tile
