// SPDX-License-Identifier: Apache-2.0
// Backward pass on the CPU for any queries and keys (see offset_attention_cpu.cpp), two passes over
// recomputed tiles. With g the gradient of out and
// D_j = out_j · g_j:
//   Pass 1, tiles of rows i: A_ij = exp(E_ij − row_max_i) row_scale_i column_scale_j,
//   dv_i = Σ_j A_ij g_j, s_i = v_i · dv_i − Σ_j A_ij D_j.
//
//   Pass 2, blocks (I, J): dE_ij = P_ij (column_scale_j (v_i · g_j − D_j) − s_i),
//   dq_I += dE k_J, dk_J += dEᵀ q_I. Both sums meet in one visit of a block.
#include "pointattn/core/check.h"
#include "pointattn/ops/attention_blocks.h"
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
struct Backward {
  const tile::Layout<T>& layout;
  int64_t depth, width;
  PackedPoints<T> q_groups, v_groups;                // left operands of E and v · g
  PackedPoints<T> k_panels, g_panels;                // right operands
  PackedColumns<T> q_columns, k_columns, g_columns;  // right operands of the sums
  const T* v;
  const T* row_max;
  const T* row_scale;
  const T* column_scale;
  const T* column_dot;  // D
  T* row_dot;           // s
  T* grad_q;
  T* grad_k;
  T* grad_v;

  void value_gradients(const Span& rows, Scratch<T>& scratch) const;
  void score_gradients(const Span& rows, const Span& block, Scratch<T>& scratch) const;
};

template <typename T>
void Backward<T>::value_gradients(const Span& rows, Scratch<T>& scratch) const {
  const auto& kernels = layout.kernels();
  const int64_t first = rows.first();
  T* sums = grad_v + first * width;
  T* dots = row_dot + first;
  std::fill_n(dots, rows.count, T(0));
  tile::for_each_column_tile(tile::all_of(*rows.cloud), [&](const Span& columns) {
    tile::multiply_points(
        kernels, q_groups, rows, k_panels, columns, 0, tile::kMasked<T>, scratch.scores);
    const int64_t column = columns.first();
    const T* scale = scratch.padded(0, column_scale + column, columns.count, kernels.panel);
    const T* dot = scratch.padded(1, column_dot + column, columns.count, kernels.panel);
    kernels.weigh_by_row(
        scratch.scores, rows.count, columns.count, row_max + first, scale, dot, dots);
    kernels.multiply(
        scratch.scores, rows.count, columns.count, g_columns.at(columns), {sums, width, width});
  });
  for (int64_t r = 0; r < rows.count; ++r) {
    T* sum = sums + r * width;
    for (int64_t c = 0; c < width; ++c) sum[c] *= row_scale[first + r];
    dots[r] = static_cast<T>(tile::dot(sum, v + (first + r) * width, width)) -
              dots[r] * row_scale[first + r];
  }
}

template <typename T>
void Backward<T>::score_gradients(const Span& rows, const Span& block, Scratch<T>& scratch) const {
  const auto& kernels = layout.kernels();
  const int64_t row = rows.first();
  tile::for_each_column_tile(block, [&](const Span& columns) {
    const int64_t column = columns.first();
    tile::multiply_points(
        kernels, q_groups, rows, k_panels, columns, 0, tile::kMasked<T>, scratch.scores);
    tile::multiply_points(kernels, v_groups, rows, g_panels, columns, 0, T(0), scratch.products);
    kernels.score_gradient(scratch.scores,
                           scratch.products,
                           rows.count,
                           columns.count,
                           {row_max + row,
                            row_scale + row,
                            row_dot + row,
                            scratch.padded(0, column_scale + column, columns.count, kernels.panel),
                            scratch.padded(1, column_dot + column, columns.count, kernels.panel)});
    kernels.multiply(scratch.scores,
                     rows.count,
                     columns.count,
                     k_columns.at(columns),
                     {grad_q + row * depth, depth, depth});
    kernels.multiply_transposed(scratch.scores,
                                rows.count,
                                columns.count,
                                q_columns.at(rows),
                                {grad_k + column * depth, depth, depth});
  });
}

/// The clouds of `layout`; grad, q, k, v [N,1,·], `shared` where k is q.
template <typename T>
void run_backward(const tile::Layout<T>& layout,
                  const at::Tensor& grad,
                  const at::Tensor& q,
                  const at::Tensor& k,
                  const at::Tensor& v,
                  const OffsetAttentionResult& saved,
                  bool shared,
                  const OffsetAttentionGradients& result) {
  const auto& [out, row_max, row_scale, column_scale] = saved;
  const at::Tensor column_dot = tile::row_products<T>(tile::by_head(out), grad);
  const at::Tensor row_dot = at::empty_like(column_dot);
  const PackedColumns<T> q_columns = layout.columns({q});
  const Backward<T> backward{layout,
                             q.size(2),
                             v.size(2),
                             layout.groups({q}),
                             layout.groups({v}),
                             layout.panels({k}),
                             layout.panels({grad}),
                             q_columns,
                             shared ? q_columns : layout.columns({k}),
                             layout.columns({grad}),
                             v.const_data_ptr<T>(),
                             row_max.template const_data_ptr<T>(),
                             row_scale.template const_data_ptr<T>(),
                             column_scale.template const_data_ptr<T>(),
                             column_dot.const_data_ptr<T>(),
                             row_dot.mutable_data_ptr<T>(),
                             std::get<0>(result).template mutable_data_ptr<T>(),
                             std::get<1>(result).template mutable_data_ptr<T>(),
                             std::get<2>(result).template mutable_data_ptr<T>()};
  tile::for_each_row_tile(layout, [&](const Span& rows, Scratch<T>& scratch) {
    backward.value_gradients(rows, scratch);
  });
  tile::for_each_block(
      layout,
      layout,
      1,
      [&](const Span& rows, const Span& columns, int64_t /*head*/, Scratch<T>& scratch) {
        backward.score_gradients(rows, columns, scratch);
      });
}

OffsetAttentionGradients backward_cpu(const at::Tensor& grad,
                                      const at::Tensor& q,
                                      const at::Tensor& k,
                                      const at::Tensor& v,
                                      const at::Tensor& out,
                                      const at::Tensor& row_max,
                                      const at::Tensor& row_scale,
                                      const at::Tensor& column_scale,
                                      const at::Tensor& offsets,
                                      bool shared) {
  check_offset_attention_backward(grad, q, k, v, {out, row_max, row_scale, column_scale});
  const std::vector<int64_t> starts =
      checked_offsets("offset_attention", offsets, "offsets", q.size(0));
  if (q.size(0) == 0) return zero_offset_attention_gradients(q, shared ? at::Tensor() : k, v);
  const OffsetAttentionResult saved{widened(out).contiguous(),
                                    row_max.contiguous(),
                                    row_scale.contiguous(),
                                    column_scale.contiguous()};
  const at::Tensor queries = tile::by_head(widened(q));
  const at::Tensor keys = shared ? queries : tile::by_head(widened(k));
  const at::Tensor values = tile::by_head(widened(v).contiguous());
  const at::Tensor grads = tile::by_head(widened(grad).contiguous());
  OffsetAttentionGradients gradients =
      AT_DISPATCH_FLOATING_TYPES(queries.scalar_type(), "offset_attention", [&] {
        const OffsetAttentionForms<scalar_t> forms(queries, shared, starts);
        const bool apart = !shared || !forms.general.row_tiles().empty();
        const OffsetAttentionGradients result = zero_offset_attention_gradients(
            queries.squeeze(1), apart ? keys.squeeze(1) : at::Tensor(), values.squeeze(1));
        symmetric_backward(forms, grads, queries, values, saved, result);
        if (apart) run_backward(forms.general, grads, queries, keys, values, saved, shared, result);
        return shared ? sum_of_shared(result) : result;
      });
  auto& [grad_q, grad_k, grad_v] = gradients;
  for (at::Tensor* each : {&grad_q, &grad_k, &grad_v}) {
    if (each->defined()) *each = each->to(q.scalar_type());
  }
  return gradients;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CPU, m) { m.impl("_offset_attention_backward", &backward_cpu); }

}  // namespace pointattn::ops
