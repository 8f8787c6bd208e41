// SPDX-License-Identifier: Apache-2.0
// Backward pass on the CPU, two passes over recomputed tiles. With g the gradient of out and
// D_j = out_j · g_j:
//   Pass 1, tiles of rows i: A_ij = exp(E_ij − row_max_i) row_scale_i column_scale_j,
//   dv_i = Σ_j A_ij g_j, s_i = v_i · dv_i − Σ_j A_ij D_j.
//
//   Pass 2, blocks (I, J): dE_ij = P_ij (column_scale_j (v_i · g_j − D_j) − s_i),
//   dq_I += dE k_J, dk_J += dEᵀ q_I. Both sums meet in one visit of a block.
#include "pointattn/core/check.h"
#include "pointattn/ops/attention_blocks.h"
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

/// a · b of one row; in double, which costs nothing beside the products of a tile and keeps the
/// difference of two such sums.
template <typename T>
double dot(const T* a, const T* b, int64_t width) {
  double sum = 0;
  for (int64_t c = 0; c < width; ++c) sum += static_cast<double>(a[c]) * static_cast<double>(b[c]);
  return sum;
}

template <typename T>
at::Tensor row_products(const at::Tensor& a, const at::Tensor& b) {
  const int64_t width = a.size(1);
  at::Tensor result = at::empty({a.size(0)}, a.options());
  const T* left = a.const_data_ptr<T>();
  const T* right = b.const_data_ptr<T>();
  T* to = result.mutable_data_ptr<T>();
  at::parallel_for(0, a.size(0), 512, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      to[r] = static_cast<T>(dot(left + r * width, right + r * width, width));
  });
  return result;
}

template <typename T>
struct Backward {
  const tile::Layout<T>& layout;
  int64_t depth, width;
  at::Tensor q_groups, v_groups;               // left operands of E and v · g
  at::Tensor k_panels, g_panels;               // right operands
  at::Tensor q_columns, k_columns, g_columns;  // right operands of the sums
  const T* v;
  const T* row_max;
  const T* row_scale;
  const T* column_scale;
  const T* column_dot;  // D
  T* row_dot;           // s
  T* grad_q;
  T* grad_k;
  T* grad_v;

  void value_gradients(const RowTile& tile, Scratch<T>& scratch) const;
  void score_gradients(const RowTile& tile, int64_t begin, int64_t end, Scratch<T>& scratch) const;
};

template <typename T>
void Backward<T>::value_gradients(const RowTile& tile, Scratch<T>& scratch) const {
  const auto& kernels = layout.kernels();
  const Cloud& cloud = *tile.cloud;
  const int64_t first = cloud.begin + tile.begin;
  const T* rows = layout.group_at(q_groups, cloud, tile.begin, depth);
  T* sums = grad_v + first * width;
  T* dots = row_dot + first;
  std::fill_n(dots, tile.rows, T(0));
  tile::for_each_column_tile(0, cloud.count, [&](int64_t begin, int64_t cols) {
    kernels.scores(rows,
                   tile.rows,
                   layout.panel_at(k_panels, cloud, begin, depth),
                   cols,
                   depth,
                   -std::numeric_limits<T>::infinity(),
                   scratch.scores);
    const T* scale = scratch.padded(0, column_scale + cloud.begin + begin, cols, kernels.panel);
    const T* dot = scratch.padded(1, column_dot + cloud.begin + begin, cols, kernels.panel);
    kernels.weigh_by_row(scratch.scores, tile.rows, cols, row_max + first, scale, dot, dots);
    kernels.multiply(scratch.scores,
                     tile.rows,
                     cols,
                     layout.column_at(g_columns, cloud, begin),
                     layout.column_stride(),
                     sums,
                     width);
  });
  for (int64_t r = 0; r < tile.rows; ++r) {
    T* sum = sums + r * width;
    for (int64_t c = 0; c < width; ++c) sum[c] *= row_scale[first + r];
    dots[r] =
        static_cast<T>(dot(sum, v + (first + r) * width, width)) - dots[r] * row_scale[first + r];
  }
}

template <typename T>
void Backward<T>::score_gradients(const RowTile& tile,
                                  int64_t begin,
                                  int64_t end,
                                  Scratch<T>& scratch) const {
  const auto& kernels = layout.kernels();
  const Cloud& cloud = *tile.cloud;
  const int64_t first = cloud.begin + tile.begin;
  const T* q_rows = layout.group_at(q_groups, cloud, tile.begin, depth);
  const T* v_rows = layout.group_at(v_groups, cloud, tile.begin, width);
  tile::for_each_column_tile(begin, end, [&](int64_t c, int64_t cols) {
    kernels.scores(q_rows,
                   tile.rows,
                   layout.panel_at(k_panels, cloud, c, depth),
                   cols,
                   depth,
                   -std::numeric_limits<T>::infinity(),
                   scratch.scores);
    kernels.scores(v_rows,
                   tile.rows,
                   layout.panel_at(g_panels, cloud, c, width),
                   cols,
                   width,
                   T(0),
                   scratch.products);
    const int64_t column = cloud.begin + c;
    kernels.score_gradient(scratch.scores,
                           scratch.products,
                           tile.rows,
                           cols,
                           {row_max + first,
                            row_scale + first,
                            row_dot + first,
                            scratch.padded(0, column_scale + column, cols, kernels.panel),
                            scratch.padded(1, column_dot + column, cols, kernels.panel)});
    kernels.multiply(scratch.scores,
                     tile.rows,
                     cols,
                     layout.column_at(k_columns, cloud, c),
                     layout.column_stride(),
                     grad_q + first * depth,
                     depth);
    kernels.multiply_transposed(scratch.scores,
                                tile.rows,
                                cols,
                                layout.column_at(q_columns, cloud, tile.begin),
                                layout.column_stride(),
                                grad_k + column * depth,
                                depth);
  });
}

template <typename T>
void visit_blocks(const Backward<T>& backward) {
  const tile::BlockSchedule schedule(backward.layout.clouds(), backward.layout.rows());
  tile::for_each_task<T>(schedule.count(), [&](int64_t index, Scratch<T>& scratch) {
    const auto& block = schedule.begin(index);
    for (int64_t r = block.row; r < block.row_end; r += tile::kTileRows) {
      const RowTile tile{block.cloud, r, std::min(tile::kTileRows, block.row_end - r)};
      backward.score_gradients(tile, block.column, block.column_end, scratch);
    }
    schedule.finish(block);
  });
}

template <typename T>
void run_backward(const at::Tensor& grad,
                  const at::Tensor& q,
                  const at::Tensor& k,
                  const at::Tensor& v,
                  const ForwardResult& saved,
                  const std::vector<int64_t>& offsets,
                  const Gradients& result) {
  const tile::Layout<T> layout(offsets);
  const at::Tensor column_dot = row_products<T>(std::get<0>(saved), grad);
  const at::Tensor row_dot = at::empty_like(column_dot);
  const bool shared = q.const_data_ptr() == k.const_data_ptr();
  const at::Tensor q_columns = layout.pack_columns(q);
  const Backward<T> backward{layout,
                             q.size(1),
                             v.size(1),
                             layout.pack_groups(q),
                             layout.pack_groups(v),
                             layout.pack_panels(k),
                             layout.pack_panels(grad),
                             q_columns,
                             shared ? q_columns : layout.pack_columns(k),
                             layout.pack_columns(grad),
                             v.const_data_ptr<T>(),
                             std::get<1>(saved).template const_data_ptr<T>(),
                             std::get<2>(saved).template const_data_ptr<T>(),
                             std::get<3>(saved).template const_data_ptr<T>(),
                             column_dot.const_data_ptr<T>(),
                             row_dot.mutable_data_ptr<T>(),
                             std::get<0>(result).template mutable_data_ptr<T>(),
                             std::get<1>(result).template mutable_data_ptr<T>(),
                             std::get<2>(result).template mutable_data_ptr<T>()};
  const auto& tiles = layout.tiles();
  tile::for_each_task<T>(static_cast<int64_t>(tiles.size()), [&](int64_t t, Scratch<T>& scratch) {
    backward.value_gradients(tiles[t], scratch);
  });
  visit_blocks(backward);
}

Gradients backward_cpu(const at::Tensor& grad,
                       const at::Tensor& q,
                       const at::Tensor& k,
                       const at::Tensor& v,
                       const at::Tensor& out,
                       const at::Tensor& row_max,
                       const at::Tensor& row_scale,
                       const at::Tensor& column_scale,
                       const at::Tensor& offsets) {
  check_backward_inputs(grad, q, k, v, {out, row_max, row_scale, column_scale});
  const std::vector<int64_t> starts =
      checked_offsets("offset_attention", offsets, "offsets", q.size(0));
  const Gradients result = zero_gradients(q, k, v);
  if (q.size(0) == 0) return result;
  const ForwardResult saved{
      out.contiguous(), row_max.contiguous(), row_scale.contiguous(), column_scale.contiguous()};
  AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "offset_attention", [&] {
    run_backward<scalar_t>(
        grad.contiguous(), q.contiguous(), k.contiguous(), v.contiguous(), saved, starts, result);
  });
  return result;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CPU, m) { m.impl("_offset_attention_backward", &backward_cpu); }

}  // namespace pointattn::ops
