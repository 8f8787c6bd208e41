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
using tile::RowTile;
using tile::Scratch;

template <typename T>
struct Forward {
  const tile::Layout<T>& layout;
  at::Tensor q_groups, k_panels;             // pass 1
  at::Tensor k_groups, q_panels, v_columns;  // pass 2
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
  const T* rows = layout.group_at(q_groups, cloud, tile.begin, depth);
  kernels.begin_row_sums(tile.rows, scratch.lane_max, scratch.lane_sum);
  tile::for_each_column_tile(0, cloud.count, [&](int64_t begin, int64_t cols) {
    kernels.scores(rows,
                   tile.rows,
                   layout.panel_at(k_panels, cloud, begin, depth),
                   cols,
                   depth,
                   -std::numeric_limits<T>::infinity(),
                   scratch.scores);
    kernels.add_row_sums(scratch.scores, tile.rows, cols, scratch.lane_max, scratch.lane_sum);
  });
  const int64_t first = cloud.begin + tile.begin;
  kernels.end_row_sums(
      tile.rows, scratch.lane_max, scratch.lane_sum, row_max + first, row_scale + first);
}

template <typename T>
void Forward<T>::outputs(const RowTile& tile, Scratch<T>& scratch) const {
  const auto& kernels = layout.kernels();
  const Cloud& cloud = *tile.cloud;
  const T* rows = layout.group_at(k_groups, cloud, tile.begin, depth);
  const int64_t first = cloud.begin + tile.begin;
  T* sums = column_scale + first;
  T* values = out + first * width;
  std::fill_n(sums, tile.rows, T(0));
  std::fill_n(values, tile.rows * width, T(0));
  tile::for_each_column_tile(0, cloud.count, [&](int64_t begin, int64_t cols) {
    kernels.scores(rows,
                   tile.rows,
                   layout.panel_at(q_panels, cloud, begin, depth),
                   cols,
                   depth,
                   -std::numeric_limits<T>::infinity(),
                   scratch.scores);
    const T* max = scratch.padded(0, row_max + cloud.begin + begin, cols, kernels.panel);
    const T* scale = scratch.padded(1, row_scale + cloud.begin + begin, cols, kernels.panel);
    kernels.weigh_by_column(scratch.scores, tile.rows, cols, max, scale, sums);
    kernels.multiply(scratch.scores,
                     tile.rows,
                     cols,
                     layout.column_at(v_columns, cloud, begin),
                     layout.column_stride(),
                     values,
                     width);
  });
  for (int64_t r = 0; r < tile.rows; ++r) {
    sums[r] = 1 / (static_cast<T>(kColumnEpsilon) + sums[r]);
    for (int64_t c = 0; c < width; ++c) values[r * width + c] *= sums[r];
  }
}

template <typename T>
void run_forward(const at::Tensor& q,
                 const at::Tensor& k,
                 const at::Tensor& v,
                 const std::vector<int64_t>& offsets,
                 const ForwardResult& result) {
  const tile::Layout<T> layout(offsets);
  const bool shared = q.const_data_ptr() == k.const_data_ptr();  // PCT projects once
  Forward<T> forward{layout,
                     layout.pack_groups(q),
                     layout.pack_panels(k),
                     {},
                     {},
                     layout.pack_columns(v),
                     q.size(1),
                     v.size(1),
                     std::get<0>(result).template mutable_data_ptr<T>(),
                     std::get<1>(result).template mutable_data_ptr<T>(),
                     std::get<2>(result).template mutable_data_ptr<T>(),
                     std::get<3>(result).template mutable_data_ptr<T>()};
  forward.k_groups = shared ? forward.q_groups : layout.pack_groups(k);
  forward.q_panels = shared ? forward.k_panels : layout.pack_panels(q);
  const auto& tiles = layout.tiles();
  const int64_t count = static_cast<int64_t>(tiles.size());
  tile::for_each_task<T>(
      count, [&](int64_t t, Scratch<T>& scratch) { forward.row_statistics(tiles[t], scratch); });
  tile::for_each_task<T>(
      count, [&](int64_t t, Scratch<T>& scratch) { forward.outputs(tiles[t], scratch); });
}

ForwardResult forward_cpu(const at::Tensor& q,
                          const at::Tensor& k,
                          const at::Tensor& v,
                          const at::Tensor& offsets) {
  check_attention_inputs(q, k, v);
  const std::vector<int64_t> starts =
      checked_offsets("offset_attention", offsets, "offsets", q.size(0));
  ForwardResult result = empty_forward_result(q, v);
  AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "offset_attention", [&] {
    run_forward<scalar_t>(q.contiguous(), k.contiguous(), v.contiguous(), starts, result);
  });
  return result;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CPU, m) { m.impl("_offset_attention_forward", &forward_cpu); }

}  // namespace pointattn::ops
