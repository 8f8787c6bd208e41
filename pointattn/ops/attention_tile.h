// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The inner loops of offset attention on a CPU: dense products and exponentials over one tile of
/// scores. One source is compiled once an instruction set (attention_tile_*.cpp) and the
/// best table is chosen at run time.
///
/// Layouts. A *tile* is row-major [kTileRows, kTileCols]. The left operand of a score product is
/// stored in *groups*: [group][depth] [rows of a group]; the right operand of any product in
/// *panels*: [panel][depth][columns of a panel]. Both end with zeros, so that no inner loop has a
/// tail. Each sum over depth runs in order from zero: its bits depend on neither the tile nor the
/// threads.
namespace pointattn::ops::tile {

inline constexpr int64_t kTileRows = 96;  // multiples of every group and panel below
inline constexpr int64_t kTileCols = 192;
inline constexpr int64_t kMaxLanes = 16;
inline constexpr int64_t kMaxPanel = 2 * kMaxLanes;

/// What one column tile contributes to the score gradient: dE = P ∘ (column_scale (VG − column_dot)
/// − row_dot).
template <typename T>
struct GradientTerms {
  const T* row_max;
  const T* row_scale;
  const T* row_dot;
  const T* column_scale;
  const T* column_dot;
};

template <typename T>
struct Kernels {
  int64_t group;  ///< rows of the left operand that one inner product handles
  int64_t panel;  ///< columns of the right operand that one inner product handles
  int64_t lanes;  ///< elements of a vector

  /// tile = left · right; columns from `cols` to the end of the last panel are set to `tail`.
  void (*scores)(
      const T* left, int64_t rows, const T* right, int64_t cols, int64_t depth, T tail, T* tile);

  /// out[rows,width] += tile[rows,depth] · right; consecutive panels of `right` lie `panel_stride`
  /// elements apart.
  void (*multiply)(const T* tile,
                   int64_t rows,
                   int64_t depth,
                   const T* right,
                   int64_t panel_stride,
                   T* out,
                   int64_t width);

  /// out[cols,width] += tile[rows,cols]ᵀ · right.
  void (*multiply_transposed)(const T* tile,
                              int64_t rows,
                              int64_t cols,
                              const T* right,
                              int64_t panel_stride,
                              T* out,
                              int64_t width);

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
#endif

}  // namespace pointattn::ops::tile
