// SPDX-License-Identifier: Apache-2.0
// Forward pass on the CPU, for any queries and keys; where they are one matrix most clouds take the
// form of offset_attention_symmetric.h. The scores E = q kᵀ are recomputed tile by tile in each of
// two passes and never leave the cache.
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
#include "pointattn/ops/attention_inputs.h"
#include "pointattn/ops/attention_layout.h"
#include "pointattn/ops/offset_attention_schema.h"
#include "pointattn/ops/offset_attention_symmetric.h"

#include <ATen/Dispatch.h>
#include <ATen/Functions.h>
#include <torch/library.h>

#include <tuple>

namespace pointattn::ops {
namespace {

using tile::PackedColumns;
using tile::PackedPoints;
using tile::Scratch;
using tile::Span;

template <typename T>
struct Forward {
  const tile::Layout<T>& layout;
  PackedPoints<T> q_groups, k_panels;  // pass 1
  PackedPoints<T> k_groups, q_panels;  // pass 2
  PackedColumns<T> v_columns;
  int64_t width;
  T* out;
  T* row_max;
  T* row_scale;
  T* column_scale;

  void row_statistics(const Span& rows, Scratch<T>& scratch) const;
  void outputs(const Span& rows, Scratch<T>& scratch) const;
};

template <typename T>
void Forward<T>::row_statistics(const Span& rows, Scratch<T>& scratch) const {
  const auto& kernels = layout.kernels();
  kernels.begin_row_sums(rows.count, scratch.lane_max, scratch.lane_sum);
  tile::for_each_column_tile(tile::all_of(*rows.cloud), [&](const Span& columns) {
    tile::multiply_points(
        kernels, q_groups, rows, k_panels, columns, 0, tile::kMasked<T>, scratch.scores);
    kernels.add_row_sums(
        scratch.scores, rows.count, columns.count, scratch.lane_max, scratch.lane_sum);
  });
  const int64_t first = rows.first();
  kernels.end_row_sums(
      rows.count, scratch.lane_max, scratch.lane_sum, row_max + first, row_scale + first);
}

template <typename T>
void Forward<T>::outputs(const Span& rows, Scratch<T>& scratch) const {
  const auto& kernels = layout.kernels();
  T* sums = column_scale + rows.first();
  T* values = out + rows.first() * width;
  std::fill_n(sums, rows.count, T(0));
  std::fill_n(values, rows.count * width, T(0));
  tile::for_each_column_tile(tile::all_of(*rows.cloud), [&](const Span& columns) {
    tile::multiply_points(
        kernels, k_groups, rows, q_panels, columns, 0, tile::kMasked<T>, scratch.scores);
    const int64_t first = columns.first();
    const T* max = scratch.padded(0, row_max + first, columns.count, kernels.panel);
    const T* scale = scratch.padded(1, row_scale + first, columns.count, kernels.panel);
    kernels.weigh_by_column(scratch.scores, rows.count, columns.count, max, scale, sums);
    kernels.multiply(
        scratch.scores, rows.count, columns.count, v_columns.at(columns), {values, width, width});
  });
  for (int64_t r = 0; r < rows.count; ++r) {
    sums[r] = 1 / (static_cast<T>(kColumnEpsilon) + sums[r]);
    for (int64_t c = 0; c < width; ++c) values[r * width + c] *= sums[r];
  }
}

/// q, k, v [N,1,·]; `shared` where k is q.
template <typename T>
void run_forward(const tile::Kernels<T>& kernels,
                 const at::Tensor& q,
                 const at::Tensor& k,
                 const at::Tensor& v,
                 const std::vector<int64_t>& offsets,
                 bool shared,
                 const OffsetAttentionResult& result) {
  const OffsetAttentionForms<T> forms(q, shared, offsets, kernels);
  symmetric_forward(forms, q, v, result);
  const tile::Layout<T>& layout = forms.general;
  if (layout.row_tiles().empty()) return;
  const PackedPoints<T> q_groups = layout.groups({q});
  const PackedPoints<T> k_panels = layout.panels({k});
  const auto& [out, row_max, row_scale, column_scale] = result;
  const Forward<T> forward{layout,
                           q_groups,
                           k_panels,
                           shared ? q_groups : layout.groups({k}),
                           shared ? k_panels : layout.panels({q}),
                           layout.columns({v}),
                           v.size(2),
                           out.template mutable_data_ptr<T>(),
                           row_max.template mutable_data_ptr<T>(),
                           row_scale.template mutable_data_ptr<T>(),
                           column_scale.template mutable_data_ptr<T>()};
  tile::for_each_row_tile(layout, [&](const Span& rows, Scratch<T>& scratch) {
    forward.row_statistics(rows, scratch);
  });
  tile::for_each_row_tile(
      layout, [&](const Span& rows, Scratch<T>& scratch) { forward.outputs(rows, scratch); });
}

OffsetAttentionResult forward_cpu(const at::Tensor& q,
                                  const at::Tensor& k,
                                  const at::Tensor& v,
                                  const at::Tensor& offsets) {
  check_offset_attention(q, k, v);
  const std::vector<int64_t> starts =
      checked_offsets("offset_attention", offsets, "offsets", q.size(0));
  const bool shared = is_one_matrix(q, k);
  const at::ScalarType type = q.scalar_type();
  const at::Tensor queries = tile::by_head(widened(q));
  const at::Tensor keys = shared ? queries : tile::by_head(widened(k));
  const at::Tensor values = tile::by_head(widened(v));
  OffsetAttentionResult result =
      empty_offset_attention_result(queries.squeeze(1), values.squeeze(1));
  AT_DISPATCH_FLOATING_TYPES(queries.scalar_type(), "offset_attention", [&] {
    run_forward<scalar_t>(
        tile::kernels_for<scalar_t>(type), queries, keys, values, starts, shared, result);
  });
  at::Tensor& out = std::get<0>(result);
  out = out.to(type);
  return result;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CPU, m) { m.impl("_offset_attention_forward", &forward_cpu); }

}  // namespace pointattn::ops
