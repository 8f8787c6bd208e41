// SPDX-License-Identifier: Apache-2.0
// Forward pass on the CPU: the scores E = q kᵀ are recomputed tile by tile in each of two passes
// and never leave the cache.
//
//   Pass 1, tiles of rows i: row_max_i = max_j E_ij, row_scale_i = 1 / Σ_j exp(E_ij − row_max_i).
//
//   Pass 2, tiles of columns j, read as rows of k qᵀ: P_ij = exp(E_ij − row_max_i) row_scale_i ≤ 1
//   needs no running maximum; column_scale_j = 1 / (1e-9 + Σ_i P_ij),
//   out_j = column_scale_j Σ_i P_ij v_i.
//
// Both passes sum a score in the same order, so its bits agree and E_ij − row_max_i is never
// positive.
#include "pointattn/core/check.h"
#include "pointattn/ops/attention_layout.h"
#include "pointattn/ops/offset_attention_schema.h"

#include <ATen/Dispatch.h>
#include <ATen/Functions.h>
#include <torch/library.h>

#include <limits>
#include <tuple>

namespace pointattn::ops {
namespace {

using tile::Cloud;
using tile::PackedColumns;
using tile::PackedPoints;
using tile::RowTile;
using tile::Scratch;

template <typename T>
struct Forward {
  const tile::Layout<T>& layout;
  PackedPoints<T> q_groups, k_panels;  // pass 1
  PackedPoints<T> k_groups, q_panels;  // pass 2
  PackedColumns<T> v_columns;
  int64_t depth, width;
  T* out;
  T* row_max;
  T* row_scale;
  T* column_scale;

  void row_statistics(const RowTile& tile, Scratch<T>& scratch) const;
  void outputs(const RowTile& tile, Scratch<T>& scratch) const;
};

template <typename T>
void Forward<T>::row_statistics(const RowTile& tile, Scratch<T>& scratch) const {
  const auto& kernels = layout.kernels();
  const Cloud& cloud = *tile.cloud;
  const T* rows = q_groups.at(cloud, tile.begin);
  kernels.begin_row_sums(tile.rows, scratch.lane_max, scratch.lane_sum);
  tile::for_each_column_tile(0, cloud.count, [&](int64_t begin, int64_t cols) {
    kernels.scores(rows,
                   tile.rows,
                   k_panels.at(cloud, begin),
                   cols,
                   depth,
                   -std::numeric_limits<T>::infinity(),
                   scratch.scores);
    kernels.add_row_sums(scratch.scores, tile.rows, cols, scratch.lane_max, scratch.lane_sum);
  });
  const int64_t first = tile.first();
  kernels.end_row_sums(
      tile.rows, scratch.lane_max, scratch.lane_sum, row_max + first, row_scale + first);
}

template <typename T>
void Forward<T>::outputs(const RowTile& tile, Scratch<T>& scratch) const {
  const auto& kernels = layout.kernels();
  const Cloud& cloud = *tile.cloud;
  const T* rows = k_groups.at(cloud, tile.begin);
  const int64_t first = tile.first();
  T* sums = column_scale + first;
  T* values = out + first * width;
  std::fill_n(sums, tile.rows, T(0));
  std::fill_n(values, tile.rows * width, T(0));
  tile::for_each_column_tile(0, cloud.count, [&](int64_t begin, int64_t cols) {
    kernels.scores(rows,
                   tile.rows,
                   q_panels.at(cloud, begin),
                   cols,
                   depth,
                   -std::numeric_limits<T>::infinity(),
                   scratch.scores);
    const T* max = scratch.padded(0, row_max + cloud.begin + begin, cols, kernels.panel);
    const T* scale = scratch.padded(1, row_scale + cloud.begin + begin, cols, kernels.panel);
    kernels.weigh_by_column(scratch.scores, tile.rows, cols, max, scale, sums);
    kernels.multiply(
        scratch.scores, tile.rows, cols, v_columns.at(cloud, begin), {values, width, width});
  });
  for (int64_t r = 0; r < tile.rows; ++r) {
    sums[r] = 1 / (static_cast<T>(kColumnEpsilon) + sums[r]);
    for (int64_t c = 0; c < width; ++c) values[r * width + c] *= sums[r];
  }
}

/// q, k, v [N,1,·]
template <typename T>
void run_forward(const at::Tensor& q,
                 const at::Tensor& k,
                 const at::Tensor& v,
                 const std::vector<int64_t>& offsets,
                 const OffsetAttentionResult& result) {
  const tile::Layout<T> layout(offsets);
  const bool shared = q.const_data_ptr() == k.const_data_ptr();  // PCT projects once
  const PackedPoints<T> q_groups = layout.groups(q);
  const PackedPoints<T> k_panels = layout.panels(k);
  const auto& [out, row_max, row_scale, column_scale] = result;
  const Forward<T> forward{layout,
                           q_groups,
                           k_panels,
                           shared ? q_groups : layout.groups(k),
                           shared ? k_panels : layout.panels(q),
                           layout.columns(v),
                           q.size(2),
                           v.size(2),
                           out.template mutable_data_ptr<T>(),
                           row_max.template mutable_data_ptr<T>(),
                           row_scale.template mutable_data_ptr<T>(),
                           column_scale.template mutable_data_ptr<T>()};
  tile::for_each_row_tile(layout, [&](const RowTile& tile, Scratch<T>& scratch) {
    forward.row_statistics(tile, scratch);
  });
  tile::for_each_row_tile(
      layout, [&](const RowTile& tile, Scratch<T>& scratch) { forward.outputs(tile, scratch); });
}

OffsetAttentionResult forward_cpu(const at::Tensor& q,
                                  const at::Tensor& k,
                                  const at::Tensor& v,
                                  const at::Tensor& offsets) {
  check_offset_attention(q, k, v);
  const std::vector<int64_t> starts =
      checked_offsets("offset_attention", offsets, "offsets", q.size(0));
  OffsetAttentionResult result = empty_offset_attention_result(q, v);
  AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "offset_attention", [&] {
    run_forward<scalar_t>(tile::by_head(q), tile::by_head(k), tile::by_head(v), starts, result);
  });
  return result;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CPU, m) { m.impl("_offset_attention_forward", &forward_cpu); }

}  // namespace pointattn::ops
