// SPDX-License-Identifier: Apache-2.0
// Forward pass of plain attention on tensor cores: the pass of cuda/attention.cu as a walk of
// cuda/tensor_tile.cuh. Each chunk of kWidth channels recomputes the scores.
#include "cuda/attention_tensor.h"
#include "cuda/tensor_tile.cuh"

namespace pointattn::cuda {
namespace tensor {
namespace {

#ifdef POINTATTN_TENSOR_CORES
// The score of a column that is not there, as of one whose bias masks it.
constexpr float kMasked = -std::numeric_limits<float>::infinity();
#endif

/// Packed inputs of all heads and what the blocks leave.
template <typename N>
struct AttentionWalk {
  AttentionTiles tiles;
  Packed<N> q, k, v;
  const float* bias;  // [heads,N] or null
  float scale;
  int64_t queries, keys;
  RowSums to;
};

template <typename N, int kTerms, int kWidth>
__global__ void __launch_bounds__(kBlock, kBlocks<kTerms, kWidth>) attend(AttentionWalk<N> p) {
#ifdef POINTATTN_TENSOR_CORES
  extern __shared__ __align__(128) unsigned char memory[];
  auto& shared = *reinterpret_cast<Shared<N, kTerms, kWidth, 3>*>(memory);
  const Share share = share_of(p.tiles, p.to.splits);
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const int64_t head = blockIdx.z;
  const Packed<N> q = head_of<kTerms>(p.q, head, p.queries);
  const Packed<N> k = head_of<kTerms>(p.k, head, p.keys);
  const Packed<N> v = head_of<kTerms>(p.v, head, p.keys);
  const float* const bias = p.bias != nullptr ? p.bias + head * p.keys : nullptr;
  const RowNumbers unit = row_numbers({q.unit, 1}, share.range);
  float most[2] = {kLowest<float>, kLowest<float>};
  float totals[2] = {};
  Sums<kWidth> sums = {};
  const auto weigh = [&](Scores(&scores)[1], int64_t c0, const float(*factors)[kTile]) {
    float best[2] = {most[0], most[1]};
    for_scores([&](int n, int j) {
      const int column = column_of(n, j);
      float& score = scores[0].at[n][j];
      const float product = score * (unit.at[j / 2] * factors[0][column]);
      const bool inside = c0 + column < share.range.columns_end;
      score = inside ? product * p.scale + factors[1][column] : kMasked;
      best[j / 2] = score > best[j / 2] ? score : best[j / 2];
    });
    // What a row has summed so far was relative to another maximum.
    float shrinks[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      best[half] = max_of_row(best[half]);
      shrinks[half] = exp(most[half] - best[half]);
      totals[half] *= shrinks[half];
      most[half] = best[half];
    }
#pragma unroll
    for (int n = 0; n < kWidth / 8; ++n) {
#pragma unroll
      for (int j = 0; j < 4; ++j) sums.at[n][j] *= shrinks[j / 2];
    }
    for_scores([&](int n, int j) {
      const float weight = exp(scores[0].at[n][j] - most[j / 2]);
      totals[j / 2] += weight;
      scores[0].at[n][j] = weight * factors[2][column_of(n, j)];
    });
  };
  walk<kTerms, kWidth, 1, 3>(
      share.range, {{q, k}}, v, first, {{k.unit, 1}, {bias, 1}, {v.unit, 1}}, shared, sums, weigh);
  leave_sums<kWidth>(share, head, first, sums, totals, most, p.to);
#else
  __trap();
#endif
}

template <int kTerms, typename T>
void launch_forward(const AttentionForward<T>& p, const Scratch& scratch, cudaStream_t stream) {
  using N = Part<T>;
  const AttentionInputs<T>& in = p.inputs;
  const AttentionWalk<N> walk{
      in.query_tiles,
      packed<kTerms>(in.q, in.queries, in.heads, in.depth, scratch, stream),
      packed<kTerms>(in.k, in.keys, in.heads, in.depth, scratch, stream),
      packed<kTerms>(in.v, in.keys, in.heads, in.width, scratch, stream),
      bias_of_heads(in.bias, in.keys, in.heads, scratch, stream),
      in.scale,
      in.queries,
      in.keys,
      room_for<kTerms>(in.query_tiles, in.heads, in.queries, in.width, scratch)};
  for_width<kTerms>(in.width, [&](auto width) {
    constexpr int kWidth = decltype(width)::value;
    launch_walk<Shared<N, kTerms, kWidth, 3>, kWidth>(
        attend<N, kTerms, kWidth>, "attention: forward", walk, stream);
  });
  finish<T>(walk.to, SoftmaxEnding{p.row_max, p.row_scale}, p.out, stream);
}

}  // namespace
}  // namespace tensor

template <typename T>
void launch_attention_forward_on_tensor_cores(const AttentionForward<T>& params,
                                              const Scratch& scratch,
                                              cudaStream_t stream) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (!params.inputs.tf32) return tensor::launch_forward<2>(params, scratch, stream);
  }
  tensor::launch_forward<1>(params, scratch, stream);
}

template void launch_attention_forward_on_tensor_cores<float>(const AttentionForward<float>&,
                                                              const Scratch&,
                                                              cudaStream_t);
template void launch_attention_forward_on_tensor_cores<__half>(const AttentionForward<__half>&,
                                                               const Scratch&,
                                                               cudaStream_t);
template void launch_attention_forward_on_tensor_cores<__nv_bfloat16>(
    const AttentionForward<__nv_bfloat16>&, const Scratch&, cudaStream_t);

}  // namespace pointattn::cuda
