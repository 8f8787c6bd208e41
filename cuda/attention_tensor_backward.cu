// SPDX-License-Identifier: Apache-2.0
// Backward pass of plain attention on tensor cores: the steps of cuda/attention_backward.cu as walks of
// cuda/tensor_tile.cuh.
#include "cuda/attention_tensor.h"
#include "cuda/tensor_tile.cuh"

namespace pointattn::cuda {
namespace tensor {
namespace {

/// Packed inputs of all heads, what is known of the rows of the map, and what the blocks leave.
template <typename N>
struct AttentionWalk {
  AttentionTiles tiles;
  Packed<N> q, k, v, grad;
  const float* bias;  // [heads,N] or null
  const float* row_max;
  const float* row_scale;
  const float* row_dot;  // [M,heads]
  float scale;
  int64_t heads, queries, keys;
  RowSums to;

  /// What belongs to one head.
  template <int kTerms>
  __device__ AttentionWalk of_head(int64_t head) const {
    AttentionWalk own = *this;
    own.q = head_of<kTerms>(q, head, queries);
    own.k = head_of<kTerms>(k, head, keys);
    own.v = head_of<kTerms>(v, head, keys);
    own.grad = head_of<kTerms>(grad, head, queries);
    if (bias != nullptr) own.bias = bias + head * keys;
    own.row_max = row_max + head * queries;
    own.row_scale = row_scale + head * queries;
    own.row_dot = row_dot + head;
    return own;
  }
};

/// grad_q: rows i, columns j.
template <typename N, int kTerms, int kWidth>
__global__ void __launch_bounds__(kBlock, kBlocks<kTerms, kWidth>)
    query_gradients(AttentionWalk<N> all) {
#ifdef POINTATTN_TENSOR_CORES
  extern __shared__ __align__(128) unsigned char memory[];
  auto& shared = *reinterpret_cast<Shared<N, kTerms, kWidth, 3>*>(memory);
  const AttentionWalk<N> p = all.template of_head<kTerms>(blockIdx.z);
  const Share share = share_of(p.tiles, p.to.splits);
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const RowNumbers unit = row_numbers({p.q.unit, 1}, share.range);
  const RowNumbers grad_unit = row_numbers({p.grad.unit, 1}, share.range);
  const RowNumbers max = row_numbers({p.row_max, 1}, share.range);
  const RowNumbers scale = row_numbers({p.row_scale, 1}, share.range);
  const RowNumbers dot = row_numbers({p.row_dot, p.heads}, share.range);
  const auto weigh = [&](Scores(&scores)[2], int64_t c0, const float(*factors)[kTile]) {
    for_scores([&](int n, int j) {
      const int column = column_of(n, j);
      const float score = scores[0].at[n][j] * (unit.at[j / 2] * factors[0][column]);
      const float product = scores[1].at[n][j] * (grad_unit.at[j / 2] * factors[2][column]);
      const bool inside = scale.at[j / 2] != 0.0F && c0 + column < share.range.columns_end;
      const float map =
          inside ? exp(score * p.scale + factors[1][column] - max.at[j / 2]) * scale.at[j / 2]
                 : 0.0F;
      scores[0].at[n][j] = map * (product - dot.at[j / 2]) * factors[0][column];
    });
  };
  Sums<kWidth> sums = {};
  walk<kTerms, kWidth, 2, 3>(share.range,
                             {{p.q, p.k}, {p.grad, p.v}},
                             p.k,
                             first,
                             {{p.k.unit, 1}, {p.bias, 1}, {p.v.unit, 1}},
                             shared,
                             sums,
                             weigh);
  leave_sums<kWidth>(share, blockIdx.z, first, sums, {0, 0}, {0, 0}, p.to);
#else
  __trap();
#endif
}

/// grad_k, and grad_bias as total: rows j, columns i.
template <typename N, int kTerms, int kWidth>
__global__ void __launch_bounds__(kBlock, kBlocks<kTerms, kWidth>)
    key_gradients(AttentionWalk<N> all) {
#ifdef POINTATTN_TENSOR_CORES
  extern __shared__ __align__(128) unsigned char memory[];
  auto& shared = *reinterpret_cast<Shared<N, kTerms, kWidth, 5>*>(memory);
  const AttentionWalk<N> p = all.template of_head<kTerms>(blockIdx.z);
  const Share share = share_of(p.tiles, p.to.splits);
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const RowNumbers unit = row_numbers({p.k.unit, 1}, share.range);
  const RowNumbers value_unit = row_numbers({p.v.unit, 1}, share.range);
  const RowNumbers bias = row_numbers({p.bias, 1}, share.range);
  float totals[2] = {};
  const auto weigh = [&](Scores(&scores)[2], int64_t c0, const float(*factors)[kTile]) {
    for_scores([&](int n, int j) {
      const int column = column_of(n, j);
      const float score = scores[0].at[n][j] * (unit.at[j / 2] * factors[0][column]);
      const float product = scores[1].at[n][j] * (value_unit.at[j / 2] * factors[1][column]);
      // A key without a bias of its own is one beyond the end; its sums go nowhere.
      const bool inside = c0 + column < share.range.columns_end;
      const float map =
          inside ? exp(score * p.scale + bias.at[j / 2] - factors[2][column]) * factors[3][column]
                 : 0.0F;
      const float gradient = map * (product - factors[4][column]);
      totals[j / 2] += gradient;
      scores[0].at[n][j] = gradient * factors[0][column];
    });
  };
  Sums<kWidth> sums = {};
  walk<kTerms, kWidth, 2, 5>(
      share.range,
      {{p.k, p.q}, {p.v, p.grad}},
      p.q,
      first,
      {{p.q.unit, 1}, {p.grad.unit, 1}, {p.row_max, 1}, {p.row_scale, 1}, {p.row_dot, p.heads}},
      shared,
      sums,
      weigh);
  leave_sums<kWidth>(share, blockIdx.z, first, sums, totals, {0, 0}, p.to);
#else
  __trap();
#endif
}

/// grad_v: rows j, columns i.
template <typename N, int kTerms, int kWidth>
__global__ void __launch_bounds__(kBlock, kBlocks<kTerms, kWidth>)
    value_gradients(AttentionWalk<N> all) {
#ifdef POINTATTN_TENSOR_CORES
  extern __shared__ __align__(128) unsigned char memory[];
  auto& shared = *reinterpret_cast<Shared<N, kTerms, kWidth, 4>*>(memory);
  const AttentionWalk<N> p = all.template of_head<kTerms>(blockIdx.z);
  const Share share = share_of(p.tiles, p.to.splits);
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const RowNumbers unit = row_numbers({p.k.unit, 1}, share.range);
  const RowNumbers bias = row_numbers({p.bias, 1}, share.range);
  const auto weigh = [&](Scores(&scores)[1], int64_t c0, const float(*factors)[kTile]) {
    for_scores([&](int n, int j) {
      const int column = column_of(n, j);
      const float score = scores[0].at[n][j] * (unit.at[j / 2] * factors[0][column]);
      const bool inside = c0 + column < share.range.columns_end;
      const float map =
          inside ? exp(score * p.scale + bias.at[j / 2] - factors[1][column]) * factors[2][column]
                 : 0.0F;
      scores[0].at[n][j] = map * factors[3][column];
    });
  };
  Sums<kWidth> sums = {};
  walk<kTerms, kWidth, 1, 4>(share.range,
                             {{p.k, p.q}},
                             p.grad,
                             first,
                             {{p.q.unit, 1}, {p.row_max, 1}, {p.row_scale, 1}, {p.grad.unit, 1}},
                             shared,
                             sums,
                             weigh);
  leave_sums<kWidth>(share, blockIdx.z, first, sums, {0, 0}, {0, 0}, p.to);
#else
  __trap();
#endif
}

template <int kTerms, typename T>
void launch_backward(const AttentionBackward<T>& p, const Scratch& scratch, cudaStream_t stream) {
  using N = Part<T>;
  const AttentionInputs<T>& in = p.inputs;
  launch_row_products<false>(p.out, p.grad, in.queries * in.heads, in.width, p.row_dot, stream);
  AttentionWalk<N> walk{in.query_tiles,
                        packed<kTerms>(in.q, in.queries, in.heads, in.depth, scratch, stream),
                        packed<kTerms>(in.k, in.keys, in.heads, in.depth, scratch, stream),
                        packed<kTerms>(in.v, in.keys, in.heads, in.width, scratch, stream),
                        packed<kTerms>(p.grad, in.queries, in.heads, in.width, scratch, stream),
                        bias_of_heads(in.bias, in.keys, in.heads, scratch, stream),
                        p.row_max,
                        p.row_scale,
                        p.row_dot,
                        in.scale,
                        in.heads,
                        in.queries,
                        in.keys,
                        {}};
  if (in.query_tiles.count > 0) {
    walk.to = room_for<kTerms>(in.query_tiles, in.heads, in.queries, in.depth, scratch);
    for_width<kTerms>(in.depth, [&](auto width) {
      constexpr int kWidth = decltype(width)::value;
      launch_walk<Shared<N, kTerms, kWidth, 3>, kWidth>(
          query_gradients<N, kTerms, kWidth>, "attention: query gradients", walk, stream);
    });
    finish<T>(walk.to, ScaledEnding<float>{in.scale, nullptr}, p.grad_q, stream);
  }
  if (p.key_tiles.count == 0) return;
  walk.tiles = p.key_tiles;
  walk.to = room_for<kTerms>(p.key_tiles, in.heads, in.keys, in.depth, scratch);
  for_width<kTerms>(in.depth, [&](auto width) {
    constexpr int kWidth = decltype(width)::value;
    launch_walk<Shared<N, kTerms, kWidth, 5>, kWidth>(
        key_gradients<N, kTerms, kWidth>, "attention: key gradients", walk, stream);
  });
  finish<T>(walk.to, ScaledEnding<T>{in.scale, p.grad_bias}, p.grad_k, stream);
  walk.to = room_for<kTerms>(p.key_tiles, in.heads, in.keys, in.width, scratch);
  for_width<kTerms>(in.width, [&](auto width) {
    constexpr int kWidth = decltype(width)::value;
    launch_walk<Shared<N, kTerms, kWidth, 4>, kWidth>(
        value_gradients<N, kTerms, kWidth>, "attention: value gradients", walk, stream);
  });
  finish<T>(walk.to, ScaledEnding<float>{1, nullptr}, p.grad_v, stream);
}

}  // namespace
}  // namespace tensor

template <typename T>
void launch_attention_backward_on_tensor_cores(const AttentionBackward<T>& params,
                                               const Scratch& scratch,
                                               cudaStream_t stream) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (!params.inputs.tf32) return tensor::launch_backward<2>(params, scratch, stream);
  }
  tensor::launch_backward<1>(params, scratch, stream);
}

template void launch_attention_backward_on_tensor_cores<float>(const AttentionBackward<float>&,
                                                               const Scratch&,
                                                               cudaStream_t);
template void launch_attention_backward_on_tensor_cores<__half>(const AttentionBackward<__half>&,
                                                                const Scratch&,
                                                                cudaStream_t);
template void launch_attention_backward_on_tensor_cores<__nv_bfloat16>(
    const AttentionBackward<__nv_bfloat16>&, const Scratch&, cudaStream_t);

}  // namespace pointattn::cuda
