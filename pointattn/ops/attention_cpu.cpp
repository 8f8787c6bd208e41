// SPDX-License-Identifier: Apache-2.0
// Both passes recompute the scores tile by tile; they never leave the cache. Everything is per
// head; its rows lie H·C or H·D elements apart in inputs and outputs.
//
//   Forward, tiles of rows i: the weights exp(E_ij − max_i) of a tile of keys are multiplied by its
//   values at once; where a tile raises max_i, what the row has summed so far shrinks by
//   exp(old max_i − max_i).
//
//   Backward, blocks (I, J), with g the gradient of out and D_i = out_i · g_i: P_ij from the saved
//   maximum and sum, dE_ij = P_ij (g_i · v_j − D_i); dq_I += scale dE k_J, dk_J += scale dEᵀ q_I,
//   dv_J += Pᵀ g_I, dbias_J += Σ_i dE_ij meet in one visit of a block.
#include "pointattn/ops/attention_blocks.h"
#include "pointattn/ops/attention_layout.h"
#include "pointattn/ops/attention_schema.h"

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
using tile::Rows;
using tile::RowTile;
using tile::Scratch;

using Block = tile::BlockSchedule::Block;

/// A row-major matrix [rows,heads,width] that tiles are added to.
template <typename T>
struct HeadRows {
  T* first;
  int64_t heads, width;

  explicit HeadRows(const at::Tensor& matrix)
      : first(matrix.mutable_data_ptr<T>()), heads(matrix.size(1)), width(matrix.size(2)) {}

  Rows<T> at(int64_t row, int64_t head) const {
    return {first + (row * heads + head) * width, heads * width, width};
  }
};

/// The scores E, the same bits for both passes.
template <typename T>
struct Scores {
  const tile::Layout<T>& queries;
  const tile::Layout<T>& keys;
  PackedPoints<T> q_groups, k_panels;
  at::Tensor bias;  // [H,N] or undefined

  Scores(const tile::Layout<T>& query_layout,
         const tile::Layout<T>& key_layout,
         const AttentionInputs& inputs)
      : queries(query_layout),
        keys(key_layout),
        q_groups(queries.groups(tile::by_head(inputs.q), static_cast<T>(inputs.scale))),
        k_panels(keys.panels(tile::by_head(inputs.k))),
        bias(inputs.bias ? inputs.bias->t().contiguous() : at::Tensor()) {}

  /// scratch.scores = E of a row tile and `cols` keys of a cloud from `begin` on.
  void compute(const RowTile& tile,
               const Cloud& cloud,
               int64_t begin,
               int64_t cols,
               int64_t head,
               Scratch<T>& scratch) const {
    const auto& kernels = queries.kernels();
    kernels.scores(q_groups.at(*tile.cloud, tile.begin, head),
                   tile.rows,
                   k_panels.at(cloud, begin, head),
                   cols,
                   q_groups.width,
                   -std::numeric_limits<T>::infinity(),
                   scratch.scores);
    if (!bias.defined()) return;
    const T* first = bias.const_data_ptr<T>() + head * keys.rows() + cloud.begin + begin;
    kernels.add_column_bias(
        scratch.scores, tile.rows, cols, scratch.padded(0, first, cols, kernels.panel));
  }
};

/// Rows r of `rows` times factor[r].
template <typename T>
void scale_rows(const Rows<T>& rows, int64_t count, const T* factor) {
  for (int64_t r = 0; r < count; ++r) {
    if (factor[r] == 1) continue;
    T* row = rows.first + r * rows.stride;
    for (int64_t c = 0; c < rows.width; ++c) row[c] *= factor[r];
  }
}

template <typename T>
struct Forward {
  Scores<T> scores;
  PackedColumns<T> v_columns;
  HeadRows<T> out;
  T* row_max;
  T* row_scale;

  void attend(const RowTile& tile, int64_t head, Scratch<T>& scratch) const;
};

template <typename T>
void Forward<T>::attend(const RowTile& tile, int64_t head, Scratch<T>& scratch) const {
  const auto& kernels = scores.queries.kernels();
  const Cloud& cloud = scores.keys.clouds()[tile.cloud->index];
  const Rows<T> values = out.at(tile.first(), head);
  T* max = row_max + head * scores.queries.rows() + tile.first();
  T* sum = row_scale + head * scores.queries.rows() + tile.first();
  std::fill_n(max, tile.rows, tile::kLowest<T>);
  std::fill_n(sum, tile.rows, T(0));
  for (int64_t r = 0; r < tile.rows; ++r) {
    std::fill_n(values.first + r * values.stride, values.width, T(0));
  }
  tile::for_each_column_tile(0, cloud.count, [&](int64_t begin, int64_t cols) {
    scores.compute(tile, cloud, begin, cols, head, scratch);
    kernels.weigh_stream(scratch.scores, tile.rows, cols, max, sum, scratch.factor);
    scale_rows(values, tile.rows, scratch.factor);
    kernels.multiply(scratch.scores, tile.rows, cols, v_columns.at(cloud, begin, head), values);
  });
  for (int64_t r = 0; r < tile.rows; ++r) sum[r] = sum[r] == 0 ? T(0) : 1 / sum[r];
  scale_rows(values, tile.rows, sum);
}

template <typename T>
void run_forward(const AttentionInputs& inputs,
                 const AttentionOffsets& offsets,
                 const AttentionResult& result) {
  const tile::Layout<T> queries(offsets.queries);
  const tile::Layout<T> keys(offsets.keys);
  const auto& [out, row_max, row_scale] = result;
  const Forward<T> forward{Scores<T>(queries, keys, inputs),
                           keys.columns(tile::by_head(inputs.v)),
                           HeadRows<T>(out),
                           row_max.template mutable_data_ptr<T>(),
                           row_scale.template mutable_data_ptr<T>()};
  const auto& tiles = queries.tiles();
  const auto count = static_cast<int64_t>(tiles.size());
  tile::for_each_task<T>(inputs.heads() * count, [&](int64_t task, Scratch<T>& scratch) {
    forward.attend(tiles[task % count], task / count, scratch);
  });
}

AttentionResult forward_cpu(const at::Tensor& q,
                            const at::Tensor& k,
                            const at::Tensor& v,
                            const at::Tensor& query_offsets,
                            const at::Tensor& key_offsets,
                            const std::optional<at::Tensor>& bias,
                            double scale) {
  const AttentionInputs inputs{q, k, v, query_offsets, key_offsets, bias, scale};
  check_attention(inputs);
  const AttentionOffsets offsets = checked_attention_offsets(inputs);
  AttentionResult result = empty_attention_result(inputs);
  AT_DISPATCH_FLOATING_TYPES(
      q.scalar_type(), "attention", [&] { run_forward<scalar_t>(inputs, offsets, result); });
  return result;
}

template <typename T>
struct Backward {
  Scores<T> scores;
  PackedPoints<T> g_groups, v_panels;                // of g · v
  PackedColumns<T> q_columns, k_columns, g_columns;  // of the sums
  const T* row_max;
  const T* row_scale;
  at::Tensor row_dot;  // D
  HeadRows<T> grad_q, grad_k, grad_v;
  T* grad_bias;  // [H,N] or none

  void visit(const RowTile& tile, const Block& block, Scratch<T>& scratch) const;
};

template <typename T>
void Backward<T>::visit(const RowTile& tile, const Block& block, Scratch<T>& scratch) const {
  const auto& kernels = scores.queries.kernels();
  const Cloud& cloud = *block.columns.cloud;
  const int64_t head = block.head;
  const int64_t row = head * scores.queries.rows() + tile.first();
  tile::for_each_column_tile(
      block.columns.begin, block.columns.end, [&](int64_t begin, int64_t cols) {
        const int64_t column = cloud.begin + begin;
        scores.compute(tile, cloud, begin, cols, head, scratch);
        kernels.scores(g_groups.at(*tile.cloud, tile.begin, head),
                       tile.rows,
                       v_panels.at(cloud, begin, head),
                       cols,
                       v_panels.width,
                       T(0),
                       scratch.products);
        kernels.softmax_gradient(scratch.scores,
                                 scratch.products,
                                 tile.rows,
                                 cols,
                                 row_max + row,
                                 row_scale + row,
                                 row_dot.const_data_ptr<T>() + row);
        kernels.multiply_transposed(scratch.scores,
                                    tile.rows,
                                    cols,
                                    g_columns.at(*tile.cloud, tile.begin, head),
                                    grad_v.at(column, head));
        kernels.multiply_transposed(scratch.products,
                                    tile.rows,
                                    cols,
                                    q_columns.at(*tile.cloud, tile.begin, head),
                                    grad_k.at(column, head));
        kernels.multiply(scratch.products,
                         tile.rows,
                         cols,
                         k_columns.at(cloud, begin, head),
                         grad_q.at(tile.first(), head));
        if (grad_bias == nullptr) return;
        kernels.add_column_sums(
            scratch.products, tile.rows, cols, grad_bias + head * scores.keys.rows() + column);
      });
}

template <typename T>
AttentionGradients run_backward(const at::Tensor& grad,
                                const AttentionInputs& inputs,
                                const AttentionOffsets& offsets,
                                const AttentionResult& saved) {
  const tile::Layout<T> queries(offsets.queries);
  const tile::Layout<T> keys(offsets.keys);
  const auto scale = static_cast<T>(inputs.scale);
  const at::Tensor row_max = std::get<1>(saved).contiguous();
  const at::Tensor row_scale = std::get<2>(saved).contiguous();
  auto [grad_q, grad_k, grad_v, grad_bias] = zero_attention_gradients(inputs);
  const at::Tensor bias_sums = grad_bias.t().contiguous();
  const Backward<T> backward{Scores<T>(queries, keys, inputs),
                             queries.groups(grad),
                             keys.panels(tile::by_head(inputs.v)),
                             queries.columns(tile::by_head(inputs.q), scale),
                             keys.columns(tile::by_head(inputs.k), scale),
                             queries.columns(grad),
                             row_max.const_data_ptr<T>(),
                             row_scale.const_data_ptr<T>(),
                             tile::row_products<T>(std::get<0>(saved).contiguous(), grad),
                             HeadRows<T>(grad_q),
                             HeadRows<T>(grad_k),
                             HeadRows<T>(grad_v),
                             inputs.bias ? bias_sums.mutable_data_ptr<T>() : nullptr};
  tile::for_each_block(queries,
                       keys,
                       inputs.heads(),
                       [&](const RowTile& tile, const Block& block, Scratch<T>& scratch) {
                         backward.visit(tile, block, scratch);
                       });
  return {grad_q, grad_k, grad_v, bias_sums.t().contiguous()};
}

AttentionGradients backward_cpu(const at::Tensor& grad,
                                const at::Tensor& q,
                                const at::Tensor& k,
                                const at::Tensor& v,
                                const at::Tensor& query_offsets,
                                const at::Tensor& key_offsets,
                                const std::optional<at::Tensor>& bias,
                                double scale,
                                const at::Tensor& out,
                                const at::Tensor& row_max,
                                const at::Tensor& row_scale) {
  const AttentionInputs inputs{q, k, v, query_offsets, key_offsets, bias, scale};
  const AttentionResult saved{out, row_max, row_scale};
  check_attention_backward(grad, inputs, saved);
  const AttentionOffsets offsets = checked_attention_offsets(inputs);
  return AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "attention", [&] {
    return run_backward<scalar_t>(grad.contiguous(), inputs, offsets, saved);
  });
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CPU, m) {
  m.impl("_attention_forward", &forward_cpu);
  m.impl("_attention_backward", &backward_cpu);
}

}  // namespace pointattn::ops
