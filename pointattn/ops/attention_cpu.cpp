// SPDX-License-Identifier: Apache-2.0
// Both passes recompute the scores tile by tile; they never leave the cache. Everything is per
// head.
//
//   Forward, tiles of rows i: the weights exp(E_ij − max_i) of a tile of keys are multiplied by its
//   values at once; where a tile raises max_i, what the row has summed so far shrinks by
//   exp(old max_i − max_i).
//
//   Backward, blocks (I, J), with g the gradient of out and D_i = out_i · g_i: P_ij from the saved
//   maximum and sum, dE_ij = P_ij (g_i · v_j − D_i); dq_I += scale dE k_J, dk_J += scale dEᵀ q_I,
//   dv_J += Pᵀ g_I, dbias_J += Σ_i dE_ij meet in one visit of a block.
#include "pointattn/ops/attention_blocks.h"
#include "pointattn/ops/attention_inputs.h"
#include "pointattn/ops/attention_layout.h"
#include "pointattn/ops/attention_schema.h"

#include <ATen/Dispatch.h>
#include <ATen/Functions.h>
#include <torch/library.h>

#include <tuple>

namespace pointattn::ops {
namespace {

using tile::PackedColumns;
using tile::PackedPoints;
using tile::Rows;
using tile::Scratch;
using tile::Span;

/// The inputs, float32 instead of float16 and bfloat16.
struct WideInputs {
  at::Tensor q, k, v;
  std::optional<at::Tensor> bias;
  AttentionInputs inputs;

  explicit WideInputs(const AttentionInputs& given)
      : q(widened(given.q)),
        k(widened(given.k)),
        v(widened(given.v)),
        bias(given.bias ? std::optional(widened(*given.bias)) : std::nullopt),
        inputs{q, k, v, given.query_offsets, given.key_offsets, bias, given.scale} {}
  WideInputs(const WideInputs&) = delete;
  WideInputs& operator=(const WideInputs&) = delete;
};

/// A matrix [heads,rows,width] that tiles are added to, dense in its last dimension.
template <typename T>
struct HeadRows {
  at::Tensor data;

  Rows<T> at(int64_t row, int64_t head) const {
    return {data.mutable_data_ptr<T>() + head * data.stride(0) + row * data.stride(1),
            data.stride(1),
            data.size(2)};
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
        q_groups(queries.groups({tile::by_head(inputs.q), static_cast<T>(inputs.scale)})),
        k_panels(keys.panels({tile::by_head(inputs.k)})),
        bias(inputs.bias ? inputs.bias->t().contiguous() : at::Tensor()) {}

  /// scratch.scores = E of a tile.
  void compute(const Span& rows, const Span& columns, int64_t head, Scratch<T>& scratch) const {
    const auto& kernels = queries.kernels();
    tile::multiply_points(
        kernels, q_groups, rows, k_panels, columns, head, tile::kMasked<T>, scratch.scores);
    if (!bias.defined()) return;
    const T* first = bias.const_data_ptr<T>() + head * keys.rows() + columns.first();
    kernels.add_column_bias(scratch.scores,
                            rows.count,
                            columns.count,
                            scratch.padded(0, first, columns.count, kernels.panel));
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

  void attend(const Span& rows, int64_t head, Scratch<T>& scratch) const;
};

template <typename T>
void Forward<T>::attend(const Span& rows, int64_t head, Scratch<T>& scratch) const {
  const auto& kernels = scores.queries.kernels();
  const Rows<T> values = out.at(rows.first(), head);
  T* max = row_max + head * scores.queries.rows() + rows.first();
  T* sum = row_scale + head * scores.queries.rows() + rows.first();
  std::fill_n(max, rows.count, tile::kLowest<T>);
  std::fill_n(sum, rows.count, T(0));
  for (int64_t r = 0; r < rows.count; ++r) {
    std::fill_n(values.first + r * values.stride, values.width, T(0));
  }
  const Span keys = tile::all_of(scores.keys.clouds()[rows.cloud->index]);
  tile::for_each_column_tile(keys, [&](const Span& columns) {
    scores.compute(rows, columns, head, scratch);
    kernels.weigh_stream(scratch.scores, rows.count, columns.count, max, sum, scratch.factor);
    scale_rows(values, rows.count, scratch.factor);
    kernels.multiply(
        scratch.scores, rows.count, columns.count, v_columns.at(columns, head), values);
  });
  for (int64_t r = 0; r < rows.count; ++r) sum[r] = sum[r] == 0 ? T(0) : 1 / sum[r];
  scale_rows(values, rows.count, sum);
}

template <typename T>
void run_forward(const tile::Kernels<T>& kernels,
                 const AttentionInputs& inputs,
                 const AttentionOffsets& offsets,
                 const AttentionResult& result) {
  const tile::Layout<T> queries(offsets.queries, {}, kernels);
  const tile::Layout<T> keys(offsets.keys, {}, kernels);
  const auto& [out, row_max, row_scale] = result;
  const Forward<T> forward{Scores<T>(queries, keys, inputs),
                           keys.columns({tile::by_head(inputs.v)}),
                           HeadRows<T>{out.transpose(0, 1)},
                           row_max.template mutable_data_ptr<T>(),
                           row_scale.template mutable_data_ptr<T>()};
  const auto& tiles = queries.row_tiles();
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
  const WideInputs wide(inputs);
  AttentionResult result = empty_attention_result(wide.inputs);
  AT_DISPATCH_FLOATING_TYPES(wide.q.scalar_type(), "attention", [&] {
    run_forward<scalar_t>(
        tile::kernels_for<scalar_t>(q.scalar_type()), wide.inputs, offsets, result);
  });
  at::Tensor& out = std::get<0>(result);
  out = out.to(q.scalar_type());
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
  // Head by head, so that the rows of a head lie together: the tiles of one head of [N,heads,width]
  // would crowd into a few sets of the cache.
  HeadRows<T> grad_q, grad_k, grad_v;
  T* grad_bias;  // [H,N] or none

  void visit(const Span& rows, const Span& block, int64_t head, Scratch<T>& scratch) const;
};

template <typename T>
void Backward<T>::visit(const Span& rows,
                        const Span& block,
                        int64_t head,
                        Scratch<T>& scratch) const {
  const auto& kernels = scores.queries.kernels();
  const int64_t row = head * scores.queries.rows() + rows.first();
  tile::for_each_column_tile(block, [&](const Span& columns) {
    scores.compute(rows, columns, head, scratch);
    tile::multiply_points(kernels, g_groups, rows, v_panels, columns, head, T(0), scratch.products);
    kernels.softmax_gradient(scratch.scores,
                             scratch.products,
                             rows.count,
                             columns.count,
                             row_max + row,
                             row_scale + row,
                             row_dot.const_data_ptr<T>() + row);
    kernels.multiply_transposed(scratch.scores,
                                rows.count,
                                columns.count,
                                g_columns.at(rows, head),
                                grad_v.at(columns.first(), head));
    kernels.multiply_transposed(scratch.products,
                                rows.count,
                                columns.count,
                                q_columns.at(rows, head),
                                grad_k.at(columns.first(), head));
    kernels.multiply(scratch.products,
                     rows.count,
                     columns.count,
                     k_columns.at(columns, head),
                     grad_q.at(rows.first(), head));
    if (grad_bias == nullptr) return;
    kernels.add_column_sums(scratch.products,
                            rows.count,
                            columns.count,
                            grad_bias + head * scores.keys.rows() + columns.first());
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
  const auto zeros = [&](at::IntArrayRef sizes) { return at::zeros(sizes, inputs.q.options()); };
  const int64_t heads = inputs.heads();
  const at::Tensor bias_sums = zeros({heads, inputs.bias ? keys.rows() : 0});
  const Backward<T> backward{Scores<T>(queries, keys, inputs),
                             queries.groups({grad}),
                             keys.panels({tile::by_head(inputs.v)}),
                             queries.columns({tile::by_head(inputs.q), scale}),
                             keys.columns({tile::by_head(inputs.k), scale}),
                             queries.columns({grad}),
                             row_max.const_data_ptr<T>(),
                             row_scale.const_data_ptr<T>(),
                             tile::row_products<T>(std::get<0>(saved).contiguous(), grad),
                             HeadRows<T>{zeros({heads, queries.rows(), inputs.q.size(2)})},
                             HeadRows<T>{zeros({heads, keys.rows(), inputs.k.size(2)})},
                             HeadRows<T>{zeros({heads, keys.rows(), inputs.v.size(2)})},
                             inputs.bias ? bias_sums.mutable_data_ptr<T>() : nullptr};
  tile::for_each_block(
      queries,
      keys,
      heads,
      [&](const Span& rows, const Span& columns, int64_t head, Scratch<T>& scratch) {
        backward.visit(rows, columns, head, scratch);
      });
  const auto by_row = [](const at::Tensor& sums) { return sums.transpose(0, 1).contiguous(); };
  return {by_row(backward.grad_q.data),
          by_row(backward.grad_k.data),
          by_row(backward.grad_v.data),
          by_row(bias_sums)};
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
  const WideInputs wide(inputs);
  AttentionGradients gradients = AT_DISPATCH_FLOATING_TYPES(wide.q.scalar_type(), "attention", [&] {
    return run_backward<scalar_t>(
        widened(grad).contiguous(), wide.inputs, offsets, {widened(out), row_max, row_scale});
  });
  auto& [grad_q, grad_k, grad_v, grad_bias] = gradients;
  for (at::Tensor* each : {&grad_q, &grad_k, &grad_v, &grad_bias})
    *each = each->to(q.scalar_type());
  return gradients;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CPU, m) {
  m.impl("_attention_forward", &forward_cpu);
  m.impl("_attention_backward", &backward_cpu);
}

}  // namespace pointattn::ops
