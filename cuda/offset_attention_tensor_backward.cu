// SPDX-License-Identifier: Apache-2.0
// Backward pass of offset attention on tensor cores: the steps of cuda/offset_attention_backward.cu as
// walks of cuda/tensor_tile.cuh.
#include "cuda/attention_tensor.h"
#include "cuda/tensor_tile.cuh"

namespace pointattn::cuda {
namespace tensor {
namespace {

/// Packed inputs, what is known of the rows and columns of the map, and what the blocks leave.
template <typename N>
struct OffsetWalk {
  AttentionTiles tiles;
  Packed<N> q, k, v, grad;
  const float* row_max;
  const float* row_scale;
  const float* row_dot;
  const float* column_scale;
  const float* column_dot;
  RowSums to;
};

/// grad_v, and Σ_j A_ij column_dot_j as total.
template <typename N, int kTerms, int kWidth>
__global__ void __launch_bounds__(kBlock, kBlocks<kTerms, kWidth>)
    value_gradients(OffsetWalk<N> p) {
#ifdef POINTATTN_TENSOR_CORES
  extern __shared__ __align__(128) unsigned char memory[];
  auto& shared = *reinterpret_cast<Shared<N, kTerms, kWidth, 4>*>(memory);
  const Share share = share_of(p.tiles, p.to.splits);
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const RowNumbers unit = row_numbers({p.q.unit, 1}, share.range);
  const RowNumbers max = row_numbers({p.row_max, 1}, share.range);
  const RowNumbers scale = row_numbers({p.row_scale, 1}, share.range);
  float totals[2] = {};
  const auto weigh = [&](Scores(&scores)[1], int64_t c0, const float(*factors)[kTile]) {
    for_scores([&](int n, int j) {
      const int column = column_of(n, j);
      const float score = scores[0].at[n][j] * (unit.at[j / 2] * factors[0][column]);
      const bool inside = scale.at[j / 2] != 0.0F && c0 + column < share.range.columns_end;
      const float weight =
          inside ? exp(score - max.at[j / 2]) * scale.at[j / 2] * factors[1][column] : 0.0F;
      totals[j / 2] += weight * factors[2][column];
      scores[0].at[n][j] = weight * factors[3][column];
    });
  };
  Sums<kWidth> sums = {};
  walk<kTerms, kWidth, 1, 4>(
      share.range,
      {{p.q, p.k}},
      p.grad,
      first,
      {{p.k.unit, 1}, {p.column_scale, 1}, {p.column_dot, 1}, {p.grad.unit, 1}},
      shared,
      sums,
      weigh);
  leave_sums<kWidth>(share, 0, first, sums, totals, {0, 0}, p.to);
#else
  __trap();
#endif
}

/// grad_q: rows i, columns j.
template <typename N, int kTerms, int kWidth>
__global__ void __launch_bounds__(kBlock, kBlocks<kTerms, kWidth>)
    query_gradients(OffsetWalk<N> p) {
#ifdef POINTATTN_TENSOR_CORES
  extern __shared__ __align__(128) unsigned char memory[];
  auto& shared = *reinterpret_cast<Shared<N, kTerms, kWidth, 4>*>(memory);
  const Share share = share_of(p.tiles, p.to.splits);
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const RowNumbers unit = row_numbers({p.q.unit, 1}, share.range);
  const RowNumbers value_unit = row_numbers({p.v.unit, 1}, share.range);
  const RowNumbers max = row_numbers({p.row_max, 1}, share.range);
  const RowNumbers scale = row_numbers({p.row_scale, 1}, share.range);
  const RowNumbers dot = row_numbers({p.row_dot, 1}, share.range);
  const auto weigh = [&](Scores(&scores)[2], int64_t c0, const float(*factors)[kTile]) {
    for_scores([&](int n, int j) {
      const int column = column_of(n, j);
      const float score = scores[0].at[n][j] * (unit.at[j / 2] * factors[0][column]);
      const float product = scores[1].at[n][j] * (value_unit.at[j / 2] * factors[1][column]);
      const bool inside = scale.at[j / 2] != 0.0F && c0 + column < share.range.columns_end;
      const float map = inside ? exp(score - max.at[j / 2]) * scale.at[j / 2] : 0.0F;
      scores[0].at[n][j] = map *
                           (factors[2][column] * (product - factors[3][column]) - dot.at[j / 2]) *
                           factors[0][column];
    });
  };
  Sums<kWidth> sums = {};
  walk<kTerms, kWidth, 2, 4>(
      share.range,
      {{p.q, p.k}, {p.v, p.grad}},
      p.k,
      first,
      {{p.k.unit, 1}, {p.grad.unit, 1}, {p.column_scale, 1}, {p.column_dot, 1}},
      shared,
      sums,
      weigh);
  leave_sums<kWidth>(share, 0, first, sums, {0, 0}, {0, 0}, p.to);
#else
  __trap();
#endif
}

/// grad_k: rows j, columns i.
template <typename N, int kTerms, int kWidth>
__global__ void __launch_bounds__(kBlock, kBlocks<kTerms, kWidth>) key_gradients(OffsetWalk<N> p) {
#ifdef POINTATTN_TENSOR_CORES
  extern __shared__ __align__(128) unsigned char memory[];
  auto& shared = *reinterpret_cast<Shared<N, kTerms, kWidth, 5>*>(memory);
  const Share share = share_of(p.tiles, p.to.splits);
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const RowNumbers unit = row_numbers({p.k.unit, 1}, share.range);
  const RowNumbers grad_unit = row_numbers({p.grad.unit, 1}, share.range);
  const RowNumbers scale = row_numbers({p.column_scale, 1}, share.range);
  const RowNumbers dot = row_numbers({p.column_dot, 1}, share.range);
  const auto weigh = [&](Scores(&scores)[2], int64_t c0, const float(*factors)[kTile]) {
    for_scores([&](int n, int j) {
      const int column = column_of(n, j);
      const float score = scores[0].at[n][j] * (unit.at[j / 2] * factors[0][column]);
      const float product = scores[1].at[n][j] * (grad_unit.at[j / 2] * factors[1][column]);
      const bool inside = c0 + column < share.range.columns_end;
      const float map = inside ? exp(score - factors[2][column]) * factors[3][column] : 0.0F;
      scores[0].at[n][j] = map *
                           (scale.at[j / 2] * (product - dot.at[j / 2]) - factors[4][column]) *
                           factors[0][column];
    });
  };
  Sums<kWidth> sums = {};
  walk<kTerms, kWidth, 2, 5>(
      share.range,
      {{p.k, p.q}, {p.grad, p.v}},
      p.q,
      first,
      {{p.q.unit, 1}, {p.v.unit, 1}, {p.row_max, 1}, {p.row_scale, 1}, {p.row_dot, 1}},
      shared,
      sums,
      weigh);
  leave_sums<kWidth>(share, 0, first, sums, {0, 0}, {0, 0}, p.to);
#else
  __trap();
#endif
}

template <int kTerms, typename T>
void launch_backward(const OffsetAttentionBackward<T>& p,
                     const Scratch& scratch,
                     cudaStream_t stream) {
  using N = Part<T>;
  const OffsetAttentionInputs<T>& in = p.inputs;
  launch_row_products<false>(p.out, p.grad, in.rows, in.width, p.column_dot, stream);
  const Packed<N> q = packed<kTerms>(in.q, in.rows, 1, in.depth, scratch, stream);
  const Packed<N> k =
      in.k == in.q ? q : packed<kTerms>(in.k, in.rows, 1, in.depth, scratch, stream);
  OffsetWalk<N> walk{in.tiles,
                     q,
                     k,
                     packed<kTerms>(in.v, in.rows, 1, in.width, scratch, stream),
                     packed<kTerms>(p.grad, in.rows, 1, in.width, scratch, stream),
                     p.row_max,
                     p.row_scale,
                     p.row_dot,
                     p.column_scale,
                     p.column_dot,
                     {}};
  walk.to = room_for<kTerms>(in.tiles, 1, in.rows, in.width, scratch);
  for_width<kTerms>(in.width, [&](auto width) {
    constexpr int kWidth = decltype(width)::value;
    launch_walk<Shared<N, kTerms, kWidth, 4>, kWidth>(
        value_gradients<N, kTerms, kWidth>, "offset_attention: value gradients", walk, stream);
  });
  finish<T>(walk.to, ScaledEnding<float>{1, p.row_dot}, p.grad_v, stream);
  launch_row_products<true>(in.v, p.grad_v, in.rows, in.width, p.row_dot, stream);
  walk.to = room_for<kTerms>(in.tiles, 1, in.rows, in.depth, scratch);
  for_width<kTerms>(in.depth, [&](auto width) {
    constexpr int kWidth = decltype(width)::value;
    const ScaledEnding<float> ending{1, nullptr};
    launch_walk<Shared<N, kTerms, kWidth, 4>, kWidth>(
        query_gradients<N, kTerms, kWidth>, "offset_attention: query gradients", walk, stream);
    finish<T>(walk.to, ending, p.grad_q, stream);
    launch_walk<Shared<N, kTerms, kWidth, 5>, kWidth>(
        key_gradients<N, kTerms, kWidth>, "offset_attention: key gradients", walk, stream);
    finish<T>(walk.to, ending, p.grad_k, stream);
  });
}

}  // namespace
}  // namespace tensor

template <typename T>
void launch_offset_attention_backward_on_tensor_cores(const OffsetAttentionBackward<T>& params,
                                                      const Scratch& scratch,
                                                      cudaStream_t stream) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (!params.inputs.tf32) return tensor::launch_backward<2>(params, scratch, stream);
  }
  tensor::launch_backward<1>(params, scratch, stream);
}

template void launch_offset_attention_backward_on_tensor_cores<float>(
    const OffsetAttentionBackward<float>&, const Scratch&, cudaStream_t);
template void launch_offset_attention_backward_on_tensor_cores<__half>(
    const OffsetAttentionBackward<__half>&, const Scratch&, cudaStream_t);
template void launch_offset_attention_backward_on_tensor_cores<__nv_bfloat16>(
    const OffsetAttentionBackward<__nv_bfloat16>&, const Scratch&, cudaStream_t);

}  // namespace pointattn::cuda
