// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The inner loops of the attention operators on a CPU: dense products and exponentials over one tile of
/// scores. One source is compiled once an instruction set (attention_tile_*.cpp) and the
/// best table is chosen at run time.
///
/// Layouts. A *tile* is row-major [kTileRows, kTileCols]. The left operand of a score product is
/// stored in *groups*: [group][depth] [rows of a group]; the right operand of any product in
/// *panels*: [panel][depth][columns of a panel]. Both end with zeros, so that no inner loop has a
/// tail. Each sum over depth runs in order from zero: its bits depend on neither the tile nor the
/// threads.
namespace pointattn::ops::tile {

inline constexpr int64_t kTileRows = 192;  // multiples of every group and panel below
inline constexpr int64_t kTileCols = 192;
inline constexpr int64_t kDiagonalRows = 96;  // also
inline constexpr int64_t kMaxLanes = 16;
inline constexpr int64_t kMaxPanel = 2 * kMaxLanes;

/// Where a running maximum starts. Not -infinity: a masked score (-infinity) that meets no other
/// must give exp(-infinity), not NaN.
template <typename T>
inline constexpr T kLowest = sizeof(T) == sizeof(float) ? T(-3e38F) : static_cast<T>(-1e308);

/// The right operand of a product: its first panel; consecutive panels lie `stride` elements apart.
template <typename T>
struct Panels {
  const T* first;
  int64_t stride;
};

/// Rows that a product is added to: `width` elements each, `stride` elements apart.
template <typename T>
struct Rows {
  T* first;
  int64_t stride;
  int64_t width;
};

/// What one column tile contributes to offset attention's score gradient: dE = P ∘ (column_scale
/// (VG − column_dot) − row_dot).
template <typename T>
struct GradientTerms {
  const T* row_max;
  const T* row_scale;
  const T* row_dot;
  const T* column_scale;
  const T* column_dot;
};

/// What the rows, or the columns, of a tile of a Gaussian kernel bring and gather.
template <typename T>
struct GaussianSide {
  const T* shift;   ///< half the squared lengths of the points
  const T* weight;  ///< what their entries count in the sums of the other side
  T* sum;
};

template <typename T>
struct Kernels {
  int64_t group;        ///< rows of the left operand that one inner product handles
  int64_t panel;        ///< columns of the right operand that one inner product handles
  int64_t lanes;        ///< elements of a vector
  int64_t packed_rows;  ///< rows of points that pack_columns() puts into one row of a panel

  /// tile = left · right; columns from `cols` to the end of the last panel are set to `tail`.
  void (*scores)(
      const T* left, int64_t rows, const T* right, int64_t cols, int64_t depth, T tail, T* tile);

  /// Copies points as the right operand of the two products below, whose depth is the points: panels
  /// of their columns, `rows` times a panel's width apart, the last one filled up with zeros, each row
  /// times its factor.
  void (*pack_columns)(Rows<const T> from, int64_t rows, const T* factor, T* to);

  /// out[rows,:] += tile[rows,depth] · right.
  void (*multiply)(const T* tile, int64_t rows, int64_t depth, Panels<T> right, Rows<T> out);

  /// out[cols,:] += tile[rows,cols]ᵀ · right.
  void (*multiply_transposed)(
      const T* tile, int64_t rows, int64_t cols, Panels<T> right, Rows<T> out);

  /// tile += bias in each row. The array reaches to the end of the last panel.
  void (*add_column_bias)(T* tile, int64_t rows, int64_t cols, const T* bias);

  /// The next tile of a softmax whose sums stream: with `max` the largest score of each row so far,
  /// tile = exp(tile − max), sum = sum factor + Σ tile, and `factor` is what the change of `max`
  /// makes of everything summed before. `max` starts with kLowest.
  void (*weigh_stream)(T* tile, int64_t rows, int64_t cols, T* max, T* sum, T* factor);

  /// The gradient of a softmax over rows, P = exp(tile − row_max) row_scale: tile = P,
  /// value_grad = P ∘ (value_grad − row_dot).
  void (*softmax_gradient)(T* tile,
                           T* value_grad,
                           int64_t rows,
                           int64_t cols,
                           const T* row_max,
                           const T* row_scale,
                           const T* row_dot);

  /// sum[cols] += Σ over the rows of tile.
  void (*add_column_sums)(const T* tile, int64_t rows, int64_t cols, T* sum);

  /// Running maximum and sum of exponentials of each row, kept apart for each vector lane:
  /// [kTileRows, lanes] each.
  void (*begin_row_sums)(int64_t rows, T* lane_max, T* lane_sum);
  void (*add_row_sums)(const T* tile, int64_t rows, int64_t cols, T* lane_max, T* lane_sum);
  void (*end_row_sums)(
      int64_t rows, const T* lane_max, const T* lane_sum, T* row_max, T* row_scale);

  /// tile = exp(tile − column_max) column_scale; sum[row] += Σ tile. The arrays reach to the end of
  /// the last panel.
  void (*weigh_by_column)(
      T* tile, int64_t rows, int64_t cols, const T* column_max, const T* column_scale, T* sum);

  /// tile = exp(tile − row_max[row]) column_scale; dot[row] += Σ tile column_dot.
  void (*weigh_by_row)(T* tile,
                       int64_t rows,
                       int64_t cols,
                       const T* row_max,
                       const T* column_scale,
                       const T* column_dot,
                       T* dot);

  /// The scores of points with points as a Gaussian kernel: tile = exp(tile − row.shift −
  /// column.shift), row.sum += tile column.weight, column.sum += tileᵀ row.weight. The arrays of the
  /// columns reach to the end of the last panel.
  void (*gaussian)(T* tile,
                   int64_t rows,
                   int64_t cols,
                   const GaussianSide<T>& row,
                   const GaussianSide<T>& column);

  /// The sums alone, of a tile that gaussian() made.
  void (*add_sums)(T* tile,
                   int64_t rows,
                   int64_t cols,
                   const GaussianSide<T>& row,
                   const GaussianSide<T>& column);

  /// tile = tile ∘ factor.
  void (*scale)(T* tile, const T* factor, int64_t rows, int64_t cols);

  /// tile = exp(tile − row_shift − column_shift) ∘ factor.
  void (*scale_gaussian)(T* tile,
                         const T* factor,
                         int64_t rows,
                         int64_t cols,
                         const T* row_shift,
                         const T* column_shift);

  /// tile = dE from the scores in `tile` and the products v · g in `value_grad`.
  void (*score_gradient)(
      T* tile, const T* value_grad, int64_t rows, int64_t cols, const GradientTerms<T>& terms);
};

template <typename T>
const Kernels<T>& baseline_kernels();
#if defined(__x86_64__)
template <typename T>
const Kernels<T>& avx2_kernels();
template <typename T>
const Kernels<T>& avx512_kernels();
/// The same, but multiply() and multiply_transposed() round the tile and what pack_columns() packs to
/// bfloat16; sums stay float32. For processors with AVX512-BF16.
Kernels<float> avx512_bfloat16_kernels();
#endif

}  // namespace pointattn::ops::tile
