// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/attention_blocks.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace pointattn::ops::tile {

/// Calls work(row) for each row of the layout.
template <typename T, typename Work>
void for_each_row(const Layout<T>& layout, const Work& work) {
  const auto& tiles = layout.row_tiles();
  at::parallel_for(0, static_cast<int64_t>(tiles.size()), 4, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t r = 0; r < tiles[t].count; ++r) work(tiles[t].first() + r);
    }
  });
}

/// A number for each row of the batch.
template <typename T>
class RowNumbers {
 public:
  explicit RowNumbers(at::Tensor rows)
      : data_(std::move(rows)), first_(data_.mutable_data_ptr<T>()) {}

  T* begin() const { return first_; }
  T& operator[](int64_t row) const { return first_[row]; }

 private:
  at::Tensor data_;
  T* first_;
};

/// The tiles of a symmetric map, one for each pair of points, that stay from one product to the next
/// instead of being computed again; none where they would take too much memory.
template <typename T>
class KeptTiles {
 public:
  explicit KeptTiles(const Layout<T>& layout) : clouds_(layout.clouds().data()) {
    int64_t blocks = 0;
    for (const Cloud& cloud : layout.clouds()) {
      const int64_t tiles = (cloud.count + kTileRows - 1) / kTileRows;
      first_.push_back(blocks);
      blocks += tiles * (tiles + 1) / 2;
    }
    const int64_t entries = blocks * kBlock;
    if (entries * static_cast<int64_t>(sizeof(T)) <= kMostBytes)
      data_ = at::empty({entries}, c10::CppTypeToScalarType<T>::value);
  }

  bool any() const { return data_.defined(); }

  /// The place of a tile as for_each_pair() visits them, its rows kTileCols apart.
  T* at(const Span& rows, const Span& columns) const {
    const int64_t r = rows.begin / kTileRows, c = columns.begin / kTileCols;
    const int64_t block = first_[rows.cloud - clouds_] + c * (c + 1) / 2 + r;
    return data_.mutable_data_ptr<T>() + block * kBlock + rows.begin % kTileRows * kTileCols +
           columns.begin % kTileCols;
  }

 private:
  static constexpr int64_t kBlock = kTileRows * kTileCols;
  /// Few enough for the caches that processors share: a cloud of 3,072 points in float, or eight of 1,024.
  static constexpr int64_t kMostBytes = int64_t{24} << 20;

  const Cloud* clouds_;
  std::vector<int64_t> first_;  // block of each cloud
  at::Tensor data_;
};

/// The rows of a matrix [N,1,C] as right operands of products with tiles: packed once, or for each
/// tile anew, so that nothing as large as the matrix is held.
template <typename T>
class RightRows {
 public:
  RightRows(const Layout<T>& layout, const Scaled<T>& matrix, bool once)
      : layout_(layout),
        matrix_(matrix),
        packed_(once ? layout.columns(matrix) : PackedColumns<T>()) {}

  /// Valid until the next call with this slot and scratch.
  Panels<T> at(const Span& span, int slot, Scratch<T>& scratch) const {
    if (packed_.data.defined()) return packed_.at(span);
    const int64_t panel = layout_.kernels().panel;
    const int64_t width = (matrix_.matrix.size(2) + panel - 1) / panel * panel;
    T* const to = scratch.room(slot, width * kTileCols);
    layout_.pack_columns(matrix_, span, 0, to);
    return {to, span.count * panel};
  }

 private:
  const Layout<T>& layout_;
  Scaled<T> matrix_;
  PackedColumns<T> packed_;
};

/// The entries (i, i) of a tile become value(i).
template <typename T, typename Value>
void fill_diagonal(const Span& rows, const Span& columns, T* entries, const Value& value) {
  const int64_t begin = std::max(rows.begin, columns.begin);
  const int64_t end = std::min(rows.begin + rows.count, columns.begin + columns.count);
  for (int64_t i = begin; i < end; ++i) {
    entries[(i - rows.begin) * kTileCols + i - columns.begin] = value(rows.cloud->begin + i);
  }
}

/// The symmetric map G_ij = exp(−|q_i − q_j|²/2) of each cloud without its diagonal, G − I, and w_i =
/// exp(a_i − max a), a_i = |q_i|²/2: exp(q_i · q_j) is G_ij between factors of its row and column. A tile serves its rows
/// and, mirrored, its columns. Clouds of a few thousand points keep their tiles from the first product to the second; of more no
/// more than a tile is ever held. A point with itself, G_ii = 1, is left to the callers: computed from
/// rounded scores it would be the least exact of all entries, and often it is the largest.
template <typename T>
class GaussianKernel {
 public:
  /// q [N,1,D]; half_squares [N]: |q_i|²/2
  GaussianKernel(const Layout<T>& layout, const at::Tensor& q, const at::Tensor& half_squares);

  const RowNumbers<T> shift;    ///< a
  const RowNumbers<T> largest;  ///< max a of the cloud
  const RowNumbers<T> weight;   ///< w

  /// sums += (G − I) factors, and values += (G − I) matrix where the values have columns.
  void multiply(const T* factors, T* sums, const Scaled<T>& matrix, const Rows<T>& values);

  /// values += X matrix, where `factors` writes a tile of the symmetric X / G and `diagonal` is that
  /// of X. To be called last: it writes into tiles that were kept.
  template <typename Factors>
  void multiply_scaled(const Factors& factors,
                       const T* diagonal,
                       const Scaled<T>& matrix,
                       const Rows<T>& values) const;

 private:
  void scores(const Span& rows, const Span& columns, T* tile) const {
    multiply_points(layout_.kernels(), groups_, rows, panels_, columns, 0, kMasked<T>, tile);
  }

  T* tile_at(const Span& rows, const Span& columns, Scratch<T>& scratch) const {
    return kept_.any() ? kept_.at(rows, columns) : scratch.scores;
  }

  /// values += tile · right for the rows of the tile, and its mirror image for the columns.
  void add_products(const T* tile,
                    const Span& rows,
                    const Span& columns,
                    bool mirrored,
                    const RightRows<T>& right,
                    const Rows<T>& values,
                    Scratch<T>& scratch) const {
    const auto& kernels = layout_.kernels();
    const auto at = [&](const Span& span) {
      return Rows<T>{values.first + span.first() * values.stride, values.stride, values.width};
    };
    kernels.multiply(tile, rows.count, columns.count, right.at(columns, 0, scratch), at(rows));
    if (!mirrored) return;
    kernels.multiply_transposed(
        tile, rows.count, columns.count, right.at(rows, 1, scratch), at(columns));
  }

  const Layout<T>& layout_;
  PackedPoints<T> groups_, panels_;
  KeptTiles<T> kept_;
  bool computed_ = false;  // the tiles that are kept
};

template <typename T>
GaussianKernel<T>::GaussianKernel(const Layout<T>& layout,
                                  const at::Tensor& q,
                                  const at::Tensor& half_squares)
    : shift(half_squares),
      largest(at::empty_like(half_squares)),
      weight(at::empty_like(half_squares)),
      layout_(layout),
      groups_(layout_.groups({q})),
      panels_(layout_.panels({q})),
      kept_(layout_) {
  for (const Cloud& cloud : layout_.clouds()) {
    const T* first = shift.begin() + cloud.begin;
    const T most = cloud.count == 0 ? T(0) : *std::max_element(first, first + cloud.count);
    std::fill_n(largest.begin() + cloud.begin, cloud.count, most);
  }
  for_each_row(layout_, [&](int64_t row) { weight[row] = std::exp(shift[row] - largest[row]); });
}

template <typename T>
void GaussianKernel<T>::multiply(const T* factors,
                                 T* sums,
                                 const Scaled<T>& matrix,
                                 const Rows<T>& values) {
  const auto& kernels = layout_.kernels();
  const RightRows<T> right(layout_, matrix, kept_.any() && values.width > 0);
  for_each_pair(layout_,
                [&](const Span& rows, const Span& block, bool mirrored, Scratch<T>& scratch) {
                  const int64_t row = rows.first();
                  for_each_column_tile(block, [&](const Span& columns) {
                    T* const tile = tile_at(rows, columns, scratch);
                    const int64_t column = columns.first();
                    T* const column_sums = scratch.column[2];
                    std::fill_n(column_sums, kTileCols, T(0));
                    const GaussianSide<T> row_side{shift.begin() + row, factors + row, sums + row};
                    const GaussianSide<T> column_side{
                        scratch.padded(0, shift.begin() + column, columns.count, kernels.panel),
                        scratch.padded(1, factors + column, columns.count, kernels.panel),
                        column_sums};
                    if (computed_) {
                      kernels.add_sums(tile, rows.count, columns.count, row_side, column_side);
                    } else {
                      scores(rows, columns, tile);
                      if (!mirrored)
                        fill_diagonal(rows, columns, tile, [](int64_t) { return kMasked<T>; });
                      kernels.gaussian(tile, rows.count, columns.count, row_side, column_side);
                    }
                    if (mirrored) {
                      for (int64_t c = 0; c < columns.count; ++c)
                        sums[column + c] += column_sums[c];
                    }
                    if (values.width > 0)
                      add_products(tile, rows, columns, mirrored, right, values, scratch);
                  });
                });
  computed_ = kept_.any();
}

template <typename T>
template <typename Factors>
void GaussianKernel<T>::multiply_scaled(const Factors& factors,
                                        const T* diagonal,
                                        const Scaled<T>& matrix,
                                        const Rows<T>& values) const {
  const auto& kernels = layout_.kernels();
  const RightRows<T> right(layout_, matrix, kept_.any() && values.width > 0);
  for_each_pair(
      layout_, [&](const Span& rows, const Span& block, bool mirrored, Scratch<T>& scratch) {
        for_each_column_tile(block, [&](const Span& columns) {
          T* const tile = tile_at(rows, columns, scratch);
          factors(rows, columns, scratch);
          if (computed_) {
            kernels.scale(tile, scratch.products, rows.count, columns.count);
          } else {
            scores(rows, columns, tile);
            kernels.scale_gaussian(
                tile,
                scratch.products,
                rows.count,
                columns.count,
                shift.begin() + rows.first(),
                scratch.padded(0, shift.begin() + columns.first(), columns.count, kernels.panel));
          }
          if (!mirrored)
            fill_diagonal(rows, columns, tile, [&](int64_t row) { return diagonal[row]; });
          add_products(tile, rows, columns, mirrored, right, values, scratch);
        });
      });
}

}  // namespace pointattn::ops::tile
