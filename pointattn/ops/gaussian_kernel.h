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

/// A matrix and a factor for each of its rows, or none.
template <typename T>
struct ScaledRows {
  Rows<const T> rows;
  const T* factors = nullptr;

  Rows<const T> at(const Span& span) const {
    return {rows.first + span.first() * rows.stride, rows.stride, rows.width};
  }
  const T* factors_at(const Span& span) const {
    return factors == nullptr ? nullptr : factors + span.first();
  }
};

/// matrix [N,1,C]
template <typename T>
Rows<const T> rows_of(const at::Tensor& matrix) {
  return {matrix.const_data_ptr<T>(), matrix.stride(0), matrix.size(2)};
}

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
/// and, mirrored, its columns; no more than a tile is ever held. A point with itself, G_ii = 1, is left to the callers: computed from
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
  void multiply(const T* factors,
                T* sums,
                const ScaledRows<T>& matrix,
                const Rows<T>& values) const;

  /// values += X matrix, where `factors` writes a tile of the symmetric X / G and `diagonal` is that
  /// of X.
  template <typename Factors>
  void multiply_scaled(const Factors& factors,
                       const T* diagonal,
                       const ScaledRows<T>& matrix,
                       const Rows<T>& values) const;

 private:
  void scores(const Span& rows, const Span& columns, Scratch<T>& scratch) const {
    multiply_points(
        layout_.kernels(), groups_, rows, panels_, columns, 0, kMasked<T>, scratch.scores);
  }

  /// values += tile · matrix for the rows of the tile, and its mirror image for the columns. What a
  /// tile needs of the matrix is packed for it: nothing as large as the matrix is held.
  void add_products(const Span& rows,
                    const Span& columns,
                    bool mirrored,
                    const ScaledRows<T>& matrix,
                    const Rows<T>& values,
                    Scratch<T>& scratch) const {
    const auto& kernels = layout_.kernels();
    const auto at = [&](const Span& span) {
      return Rows<T>{values.first + span.first() * values.stride, values.stride, values.width};
    };
    const auto packed = [&](const Span& span, int slot) {
      const int64_t panels = (values.width + kernels.panel - 1) / kernels.panel;
      T* to = scratch.room(slot, panels * kernels.panel * kTileCols);
      kernels.pack_columns(matrix.at(span), span.count, matrix.factors_at(span), to);
      return Panels<T>{to, span.count * kernels.panel};
    };
    kernels.multiply(scratch.scores, rows.count, columns.count, packed(columns, 0), at(rows));
    if (!mirrored) return;
    kernels.multiply_transposed(
        scratch.scores, rows.count, columns.count, packed(rows, 1), at(columns));
  }

  const Layout<T>& layout_;
  PackedPoints<T> groups_, panels_;
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
      panels_(layout_.panels({q})) {
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
                                 const ScaledRows<T>& matrix,
                                 const Rows<T>& values) const {
  const auto& kernels = layout_.kernels();
  for_each_pair(
      layout_, [&](const Span& rows, const Span& block, bool mirrored, Scratch<T>& scratch) {
        const int64_t row = rows.first();
        for_each_column_tile(block, [&](const Span& columns) {
          scores(rows, columns, scratch);
          if (!mirrored)
            fill_diagonal(rows, columns, scratch.scores, [](int64_t) { return kMasked<T>; });
          const int64_t column = columns.first();
          T* column_sums = scratch.column[2];
          std::fill_n(column_sums, kTileCols, T(0));
          kernels.gaussian(scratch.scores,
                           rows.count,
                           columns.count,
                           {shift.begin() + row, factors + row, sums + row},
                           {scratch.padded(0, shift.begin() + column, columns.count, kernels.panel),
                            scratch.padded(1, factors + column, columns.count, kernels.panel),
                            column_sums});
          if (mirrored) {
            for (int64_t c = 0; c < columns.count; ++c) sums[column + c] += column_sums[c];
          }
          if (values.width > 0) add_products(rows, columns, mirrored, matrix, values, scratch);
        });
      });
}

template <typename T>
template <typename Factors>
void GaussianKernel<T>::multiply_scaled(const Factors& factors,
                                        const T* diagonal,
                                        const ScaledRows<T>& matrix,
                                        const Rows<T>& values) const {
  const auto& kernels = layout_.kernels();
  for_each_pair(
      layout_, [&](const Span& rows, const Span& block, bool mirrored, Scratch<T>& scratch) {
        for_each_column_tile(block, [&](const Span& columns) {
          scores(rows, columns, scratch);
          factors(rows, columns, scratch);
          kernels.scale_gaussian(
              scratch.scores,
              scratch.products,
              rows.count,
              columns.count,
              shift.begin() + rows.first(),
              scratch.padded(0, shift.begin() + columns.first(), columns.count, kernels.panel));
          if (!mirrored)
            fill_diagonal(
                rows, columns, scratch.scores, [&](int64_t row) { return diagonal[row]; });
          add_products(rows, columns, mirrored, matrix, values, scratch);
        });
      });
}

}  // namespace pointattn::ops::tile
