// SPDX-License-Identifier: Apache-2.0
// Included by one source an instruction set; see attention_tile.h.
#pragma once

#include "pointattn/ops/attention_simd.h"
#include "pointattn/ops/attention_tile.h"

namespace pointattn::ops::tile {
namespace {

constexpr int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

template <typename T>
using Block = Vector<T>[kGroup][2];

/// block = Σ_d left[:, d] right[d, :] for one group and one panel. The left operand's strides are
/// known to the compiler, so that one pointer serves all rows.
template <typename T, int64_t kRowStride, int64_t kDepthStride>
POINTATTN_INLINE void product(const T* left, const T* right, int64_t depth, Block<T>& block) {
#pragma GCC unroll 12
  for (int64_t r = 0; r < kGroup; ++r) block[r][0] = block[r][1] = Vector<T>{};
  for (int64_t d = 0; d < depth; ++d, left += kDepthStride, right += kPanel<T>) {
    const Vector<T> b0 = load(right);
    const Vector<T> b1 = load(right + kLanes<T>);
#pragma GCC unroll 12
    for (int64_t r = 0; r < kGroup; ++r) {
      const T a = left[r * kRowStride];
      block[r][0] += a * b0;
      block[r][1] += a * b1;
    }
  }
}

/// out[rows,cols] += block; rows and columns beyond these are padding.
template <typename T>
POINTATTN_INLINE void add_block(
    const Block<T>& block, T* out, int64_t stride, int64_t rows, int64_t cols) {
#pragma GCC unroll 12
  for (int64_t r = 0; r < kGroup; ++r) {
    if (r >= rows) continue;
    T* to = out + r * stride;
    if (cols >= kPanel<T>) {
      store<T>(to, load(to) + block[r][0]);
      store<T>(to + kLanes<T>, load(to + kLanes<T>) + block[r][1]);
      continue;
    }
    T row[kPanel<T>];
    store<T>(row, block[r][0]);
    store<T>(row + kLanes<T>, block[r][1]);
    for (int64_t c = 0; c < cols; ++c) to[c] += row[c];
  }
}

template <typename T>
void scores(
    const T* left, int64_t rows, const T* right, int64_t cols, int64_t depth, T tail, T* tile) {
  const int64_t end = round_up(cols, kPanel<T>);
  for (int64_t c = 0; c < end; c += kPanel<T>, right += depth * kPanel<T>) {
    const T* group = left;
    for (int64_t r0 = 0; r0 < rows; r0 += kGroup, group += depth * kGroup) {
      Block<T> block;
      product<T, 1, kGroup>(group, right, depth, block);
      T* to = tile + r0 * kTileCols + c;
#pragma GCC unroll 12
      for (int64_t r = 0; r < kGroup; ++r, to += kTileCols) {
        store<T>(to, block[r][0]);
        store<T>(to + kLanes<T>, block[r][1]);
      }
    }
  }
  if (cols == end) return;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = cols; c < end; ++c) tile[r * kTileCols + c] = tail;
  }
}

template <typename T>
void pack_columns(Rows<const T> from, int64_t rows, const T* factor, T* to) {
  for (int64_t c = 0; c < from.width; c += kPanel<T>) {
    const int64_t valid = from.width - c < kPanel<T> ? from.width - c : kPanel<T>;
    for (int64_t r = 0; r < rows; ++r, to += kPanel<T>) {
      const T* row = from.first + r * from.stride + c;
      const T scale = factor[r];
      if (valid == kPanel<T>) {
        store<T>(to, load(row) * scale);
        store<T>(to + kLanes<T>, load(row + kLanes<T>) * scale);
        continue;
      }
      for (int64_t i = 0; i < kPanel<T>; ++i) to[i] = i < valid ? row[i] * scale : T(0);
    }
  }
}

/// The two products of a tile: kRowStride and kDepthStride say whether it is read as it lies or
/// transposed.
template <typename T, int64_t kRowStride, int64_t kDepthStride>
POINTATTN_INLINE void multiply_strided(
    const T* tile, int64_t rows, int64_t depth, Panels<T> right, Rows<T> out) {
  for (int64_t c = 0; c < out.width; c += kPanel<T>, right.first += right.stride) {
    for (int64_t r = 0; r < rows; r += kGroup) {
      Block<T> block;
      product<T, kRowStride, kDepthStride>(tile + r * kRowStride, right.first, depth, block);
      add_block<T>(block, out.first + r * out.stride + c, out.stride, rows - r, out.width - c);
    }
  }
}

template <typename T>
void multiply(const T* tile, int64_t rows, int64_t depth, Panels<T> right, Rows<T> out) {
  multiply_strided<T, kTileCols, 1>(tile, rows, depth, right, out);
}

template <typename T>
void multiply_transposed(const T* tile, int64_t rows, int64_t cols, Panels<T> right, Rows<T> out) {
  multiply_strided<T, 1, kTileCols>(tile, cols, rows, right, out);
}

template <typename T>
void begin_row_sums(int64_t rows, T* lane_max, T* lane_sum) {
  for (int64_t i = 0; i < rows * kLanes<T>; ++i) {
    lane_max[i] = kLowest<T>;
    lane_sum[i] = 0;
  }
}

template <typename T>
void add_row_sums(const T* tile, int64_t rows, int64_t cols, T* lane_max, T* lane_sum) {
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = tile + r * kTileCols;
    const Vector<T> old_max = load(lane_max + r * kLanes<T>);
    Vector<T> max = old_max;
    for (int64_t c = 0; c < cols; c += kLanes<T>) {
      const Vector<T> score = load(row + c);
      max = score > max ? score : max;
    }
    Vector<T> sum{};
    for (int64_t c = 0; c < cols; c += kLanes<T>) sum += exponential<T>(load(row + c) - max);
    sum += load(lane_sum + r * kLanes<T>) * exponential<T>(old_max - max);
    store<T>(lane_sum + r * kLanes<T>, sum);
    store<T>(lane_max + r * kLanes<T>, max);
  }
}

template <typename T>
void end_row_sums(int64_t rows, const T* lane_max, const T* lane_sum, T* row_max, T* row_scale) {
  for (int64_t r = 0; r < rows; ++r) {
    const T* lanes = lane_max + r * kLanes<T>;
    const T max = max_lanes<T>(load(lanes));
    const Vector<T> weight = exponential<T>(load(lanes) - max);
    row_max[r] = max;
    row_scale[r] = 1 / sum_lanes<T>(load(lane_sum + r * kLanes<T>) * weight);
  }
}

template <typename T>
void weigh_by_column(
    T* tile, int64_t rows, int64_t cols, const T* column_max, const T* column_scale, T* sum) {
  for (int64_t r = 0; r < rows; ++r) {
    T* row = tile + r * kTileCols;
    Vector<T> total{};
    for (int64_t c = 0; c < cols; c += kLanes<T>) {
      const Vector<T> weight =
          exponential<T>(load(row + c) - load(column_max + c)) * load(column_scale + c);
      store<T>(row + c, weight);
      total += weight;
    }
    sum[r] += sum_lanes<T>(total);
  }
}

template <typename T>
void weigh_by_row(T* tile,
                  int64_t rows,
                  int64_t cols,
                  const T* row_max,
                  const T* column_scale,
                  const T* column_dot,
                  T* dot) {
  for (int64_t r = 0; r < rows; ++r) {
    T* row = tile + r * kTileCols;
    Vector<T> total{};
    for (int64_t c = 0; c < cols; c += kLanes<T>) {
      const Vector<T> weight = exponential<T>(load(row + c) - row_max[r]) * load(column_scale + c);
      store<T>(row + c, weight);
      total += weight * load(column_dot + c);
    }
    dot[r] += sum_lanes<T>(total);
  }
}

template <typename T>
void score_gradient(
    T* tile, const T* value_grad, int64_t rows, int64_t cols, const GradientTerms<T>& terms) {
  for (int64_t r = 0; r < rows; ++r) {
    T* row = tile + r * kTileCols;
    const T* products = value_grad + r * kTileCols;
    for (int64_t c = 0; c < cols; c += kLanes<T>) {
      const Vector<T> weight =
          exponential<T>(load(row + c) - terms.row_max[r]) * terms.row_scale[r];
      const Vector<T> centred = load(products + c) - load(terms.column_dot + c);
      store<T>(row + c, weight * (load(terms.column_scale + c) * centred - terms.row_dot[r]));
    }
  }
}

/// kRows rows at once, so that what the columns bring and gather is read once for all of them.
/// `kComputed`: the tile is that of the kernel already.
template <typename T, bool kComputed, int64_t kRows>
POINTATTN_INLINE void gaussian_rows(T* tile,
                                    int64_t cols,
                                    const GaussianSide<T>& row,
                                    const GaussianSide<T>& column) {
  Vector<T> total[kRows];
  for (int64_t r = 0; r < kRows; ++r) total[r] = Vector<T>{};
  for (int64_t c = 0; c < cols; c += kLanes<T>) {
    const Vector<T> shift = load(column.shift + c);
    const Vector<T> weight = load(column.weight + c);
    Vector<T> sum = load(column.sum + c);
#pragma GCC unroll 4
    for (int64_t r = 0; r < kRows; ++r) {
      T* to = tile + r * kTileCols + c;
      Vector<T> entry = load(to);
      if constexpr (!kComputed) {
        entry = exponential<T>(entry - row.shift[r] - shift);
        store<T>(to, entry);
      }
      total[r] += entry * weight;
      sum += entry * row.weight[r];
    }
    store<T>(column.sum + c, sum);
  }
  for (int64_t r = 0; r < kRows; ++r) row.sum[r] += sum_lanes<T>(total[r]);
}

template <typename T, bool kComputed>
void gaussian(T* tile,
              int64_t rows,
              int64_t cols,
              const GaussianSide<T>& row,
              const GaussianSide<T>& column) {
  const auto from = [&](int64_t r) {
    return GaussianSide<T>{row.shift + r, row.weight + r, row.sum + r};
  };
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4)
    gaussian_rows<T, kComputed, 4>(tile + r * kTileCols, cols, from(r), column);
  for (; r < rows; ++r) gaussian_rows<T, kComputed, 1>(tile + r * kTileCols, cols, from(r), column);
}

template <typename T>
void scale(T* tile, const T* factor, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r, tile += kTileCols, factor += kTileCols) {
    for (int64_t c = 0; c < cols; c += kLanes<T>)
      store<T>(tile + c, load(tile + c) * load(factor + c));
  }
}

template <typename T>
void scale_gaussian(T* tile,
                    const T* factor,
                    int64_t rows,
                    int64_t cols,
                    const T* row_shift,
                    const T* column_shift) {
  for (int64_t r = 0; r < rows; ++r) {
    T* row = tile + r * kTileCols;
    const T* factors = factor + r * kTileCols;
    for (int64_t c = 0; c < cols; c += kLanes<T>) {
      const Vector<T> entry = exponential<T>(load(row + c) - row_shift[r] - load(column_shift + c));
      store<T>(row + c, entry * load(factors + c));
    }
  }
}

template <typename T>
void add_column_bias(T* tile, int64_t rows, int64_t cols, const T* bias) {
  for (int64_t r = 0; r < rows; ++r) {
    T* row = tile + r * kTileCols;
    for (int64_t c = 0; c < cols; c += kLanes<T>) store<T>(row + c, load(row + c) + load(bias + c));
  }
}

template <typename T>
void weigh_stream(T* tile, int64_t rows, int64_t cols, T* max, T* sum, T* factor) {
  for (int64_t r = 0; r < rows; ++r) {
    T* row = tile + r * kTileCols;
    Vector<T> best = broadcast(max[r]);
    for (int64_t c = 0; c < cols; c += kLanes<T>) {
      const Vector<T> score = load(row + c);
      best = score > best ? score : best;
    }
    const T new_max = max_lanes<T>(best);
    Vector<T> total{};
    for (int64_t c = 0; c < cols; c += kLanes<T>) {
      const Vector<T> weight = exponential<T>(load(row + c) - new_max);
      store<T>(row + c, weight);
      total += weight;
    }
    factor[r] = new_max == max[r] ? T(1) : exponential<T>(broadcast(max[r] - new_max))[0];
    sum[r] = sum[r] * factor[r] + sum_lanes<T>(total);
    max[r] = new_max;
  }
}

template <typename T>
void softmax_gradient(T* tile,
                      T* value_grad,
                      int64_t rows,
                      int64_t cols,
                      const T* row_max,
                      const T* row_scale,
                      const T* row_dot) {
  for (int64_t r = 0; r < rows; ++r) {
    T* row = tile + r * kTileCols;
    T* products = value_grad + r * kTileCols;
    for (int64_t c = 0; c < cols; c += kLanes<T>) {
      const Vector<T> weight = exponential<T>(load(row + c) - row_max[r]) * row_scale[r];
      store<T>(row + c, weight);
      store<T>(products + c, weight * (load(products + c) - row_dot[r]));
    }
  }
}

template <typename T>
void add_column_sums(const T* tile, int64_t rows, int64_t cols, T* sum) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) sum[c] += tile[r * kTileCols + c];
  }
}

template <typename T>
constexpr Kernels<T> kTable{kGroup,
                            kPanel<T>,
                            kLanes<T>,
                            1,
                            scores<T>,
                            pack_columns<T>,
                            multiply<T>,
                            multiply_transposed<T>,
                            add_column_bias<T>,
                            weigh_stream<T>,
                            softmax_gradient<T>,
                            add_column_sums<T>,
                            begin_row_sums<T>,
                            add_row_sums<T>,
                            end_row_sums<T>,
                            weigh_by_column<T>,
                            weigh_by_row<T>,
                            gaussian<T, false>,
                            gaussian<T, true>,
                            scale<T>,
                            scale_gaussian<T>,
                            score_gradient<T>};

}  // namespace
}  // namespace pointattn::ops::tile
