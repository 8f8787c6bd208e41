// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/attention_tile.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

/// How the CPU kernels of the attention operators divide a ragged batch into tiles and tasks, and
/// the copies that their products read.
namespace pointattn::ops::tile {

struct Cloud {
  int64_t index;        ///< in the batch
  int64_t begin;        ///< first row
  int64_t count;        ///< rows, possibly none
  int64_t first_group;  ///< where the cloud starts in Layout::groups
  int64_t first_panel;  ///< where it starts in Layout::panels
};

/// Neighbouring points of a cloud: the rows or the columns of a tile of scores.
struct Span {
  const Cloud* cloud;
  int64_t begin;  ///< within the cloud, a multiple of kTileRows
  int64_t count;

  int64_t first() const { return cloud->begin + begin; }  ///< within the batch
};

inline Span all_of(const Cloud& cloud) { return {&cloud, 0, cloud.count}; }

/// The table of inner loops for instruction_set().
template <typename T>
const Kernels<T>& best_kernels();

/// The same for inputs that had another dtype before they became T: where that was bfloat16 and the processor
/// multiplies such numbers faster, products with a tile round to it.
template <typename T>
const Kernels<T>& kernels_for(at::ScalarType inputs);

/// A copy of a matrix [rows,heads,width] as the left or the right operand of a score product (see
/// Kernels): head after head, each cloud starts a new unit.
template <typename T>
struct PackedPoints {
  at::Tensor data;
  int64_t unit;         ///< rows of a group or a panel
  int64_t width;        ///< depth of the product
  int64_t head_stride;  ///< elements of a head
  int64_t Cloud::*first_unit;

  const T* at(const Span& span, int64_t head = 0) const {
    return data.const_data_ptr<T>() + offset(span, head);
  }
  int64_t offset(const Span& span, int64_t head) const {
    return head * head_stride + (span.cloud->*first_unit * unit + span.begin) * width;
  }
};

/// A copy of a matrix [rows,heads,width] as a right operand with points along the depth, each row
/// tile for itself (Kernels::pack_columns): [head][tile][panels of columns][rows of the tile][panel].
template <typename T>
struct PackedColumns {
  at::Tensor data;
  int64_t panel;
  int64_t packed_rows;  ///< Kernels::packed_rows
  int64_t row_stride;   ///< elements of a row: its columns, rounded up to whole panels
  int64_t head_stride;  ///< elements of a head

  /// Of a row tile, or of a part of it that begins with a multiple of packed_rows.
  Panels<T> at(const Span& span, int64_t head = 0) const {
    const int64_t before = span.begin % kTileRows;
    const int64_t begin = span.begin - before;
    const Span tile{span.cloud, begin, std::min(kTileRows, span.cloud->count - begin)};
    return {data.const_data_ptr<T>() + offset(tile, head) + before / packed_rows * panel,
            tile.count * panel};
  }
  int64_t offset(const Span& tile, int64_t head) const {
    return head * head_stride + tile.first() * row_stride;
  }
};

/// A matrix [rows,heads,width] (see by_head) times one number, and one of each row.
template <typename T>
struct Scaled {
  at::Tensor matrix;
  T factor = 1;
  const T* row_factor = nullptr;  ///< [rows], or none

  T at(int64_t row) const { return row_factor == nullptr ? factor : factor * row_factor[row]; }
};

/// One side (queries or keys) of a ragged batch, or some of its clouds.
template <typename T>
class Layout {
 public:
  /// Of the clouds whose place in `chosen` says so; of all where it is empty. The kernels must outlive
  /// the layout.
  explicit Layout(const std::vector<int64_t>& offsets,
                  const std::vector<bool>& chosen = {},
                  const Kernels<T>& kernels = best_kernels<T>());
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;

  const Kernels<T>& kernels() const { return kernels_; }
  int64_t rows() const { return rows_; }  ///< of the whole batch
  const std::vector<bool>& chosen() const { return chosen_; }
  const std::vector<Cloud>& clouds() const { return clouds_; }
  const std::vector<Span>& row_tiles() const { return row_tiles_; }

  /// Copies of a matrix; of several of them side by side.
  PackedPoints<T> groups(const Scaled<T>& matrix) const;
  PackedPoints<T> panels(const Scaled<T>& matrix) const { return panels(std::vector{matrix}); }
  PackedPoints<T> panels(const std::vector<Scaled<T>>& matrices) const;
  PackedColumns<T> columns(const Scaled<T>& matrix) const;

  /// The rows of a span, at most kTileRows of them, as the right operand of a product whose depth is
  /// they.
  void pack_columns(const Scaled<T>& matrix, const Span& span, int64_t head, T* to) const;

 private:
  PackedPoints<T> points(const std::vector<Scaled<T>>& matrices,
                         int64_t unit,
                         int64_t Cloud::*first_unit) const;

  const Kernels<T>& kernels_;
  int64_t rows_ = 0;
  std::vector<bool> chosen_;
  std::vector<Cloud> clouds_;
  std::vector<Span> row_tiles_;
};

/// A matrix [rows,width] or [rows,heads,width] as [rows,heads,width] whose last dimension is dense:
/// a view where it can be.
at::Tensor by_head(const at::Tensor& matrix);

/// Σ term(c) over c < count, in several sums side by side so that vectors can take them.
template <typename Term>
double sum_of(int64_t count, const Term& term) {
  constexpr int64_t kSums = 8;
  double sums[kSums] = {};
  const int64_t whole = count / kSums * kSums;
  for (int64_t c = 0; c < whole; c += kSums) {
    for (int64_t i = 0; i < kSums; ++i) sums[i] += term(c + i);
  }
  for (int64_t c = whole; c < count; ++c) sums[c - whole] += term(c);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

/// a · b of one row; in double, which costs little beside the products of a tile and keeps the
/// difference of two such sums.
template <typename T>
double dot(const T* a, const T* b, int64_t width) {
  return sum_of(width, [&](int64_t c) { return static_cast<double>(a[c]) * b[c]; });
}

/// The products of each row of `a` with that of `b`, both contiguous [rows,heads,width]:
/// [heads,rows].
template <typename T>
at::Tensor row_products(const at::Tensor& a, const at::Tensor& b);

/// What one thread needs beside the inputs and outputs.
template <typename T>
struct alignas(64) Scratch {
  T scores[kTileRows * kTileCols];
  T products[kTileRows * kTileCols];
  T left[kTileRows * kTileCols];
  T lane_max[kTileRows * kMaxLanes];
  T lane_sum[kTileRows * kMaxLanes];
  T factor[kTileRows];
  T column[3][kTileCols];
  at::Tensor packed[2];  ///< columns of the rows and of the columns of a tile

  /// packed[slot] with room for `count` elements.
  T* room(int slot, int64_t count) {
    if (!packed[slot].defined() || packed[slot].numel() < count) {
      packed[slot] = at::empty({count}, c10::CppTypeToScalarType<T>::value);
    }
    return packed[slot].template mutable_data_ptr<T>();
  }

  /// `values` as an array that may be read to the end of a panel.
  const T* padded(int slot, const T* values, int64_t count, int64_t panel) {
    if (count % panel == 0) return values;
    std::copy(values, values + count, column[slot]);
    std::fill(column[slot] + count, column[slot] + (count + panel - 1) / panel * panel, T(0));
    return column[slot];
  }
};

/// Runs work(task, scratch) for each task below `count`. A thread takes the next task when it is
/// free, so tasks begin in order and uneven clouds cost no idle threads; a task owns what it
/// writes, so the result does not depend on who runs it.
template <typename T, typename Work>
void for_each_task(int64_t count, const Work& work) {
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(count, at::get_num_threads()), 1, [&](int64_t, int64_t) {
    const auto scratch = std::make_unique_for_overwrite<Scratch<T>>();
    for (int64_t task = next++; task < count; task = next++) work(task, *scratch);
  });
}

/// The same for each row tile of a layout: work(rows, scratch).
template <typename T, typename Work>
void for_each_row_tile(const Layout<T>& layout, const Work& work) {
  const auto& tiles = layout.row_tiles();
  for_each_task<T>(static_cast<int64_t>(tiles.size()),
                   [&](int64_t t, Scratch<T>& scratch) { work(tiles[t], scratch); });
}

/// Calls work(columns) for each column tile of a span.
template <typename Work>
void for_each_column_tile(const Span& span, const Work& work) {
  for (int64_t c = 0; c < span.count; c += kTileCols) {
    work(Span{span.cloud, span.begin + c, std::min(kTileCols, span.count - c)});
  }
}

/// The products of the points of a row tile and a column tile; what pads the last panel becomes
/// `tail`.
template <typename T>
void multiply_points(const Kernels<T>& kernels,
                     const PackedPoints<T>& left,
                     const Span& rows,
                     const PackedPoints<T>& right,
                     const Span& columns,
                     int64_t head,
                     T tail,
                     T* tile) {
  kernels.scores(left.at(rows, head),
                 rows.count,
                 right.at(columns, head),
                 columns.count,
                 left.width,
                 tail,
                 tile);
}

/// The tail of scores: it weighs nothing.
template <typename T>
inline constexpr T kMasked = -std::numeric_limits<T>::infinity();

}  // namespace pointattn::ops::tile
