// SPDX-License-Identifier: Apache-2.0
// Forward pass of offset attention on tensor cores: the two passes of cuda/offset_attention.cu as
// walks of cuda/tensor_tile.cuh. Each chunk of kWidth channels recomputes the scores.
#include "cuda/attention_tensor.h"
#include "cuda/tensor_tile.cuh"

namespace pointattn::cuda {
namespace tensor {
namespace {

/// Packed inputs, statistics of the rows and what the blocks leave.
template <typename N>
struct OffsetWalk {
  AttentionTiles tiles;
  Packed<N> q, k, v;
  const float* row_max;
  const float* row_scale;
  RowSums to;
};

template <typename N, int kTerms>
__global__ void __launch_bounds__(kBlock, kBlocks<kTerms, 0>) row_statistics(OffsetWalk<N> p) {
#ifdef POINTATTN_TENSOR_CORES
  extern __shared__ __align__(128) unsigned char memory[];
  auto& shared = *reinterpret_cast<Shared<N, kTerms, 0, 1>*>(memory);
  const Share share = share_of(p.tiles, p.to.splits);
  const RowNumbers unit = row_numbers({p.q.unit, 1}, share.range);
  float most[2] = {kLowest<float>, kLowest<float>};
  float totals[2] = {};
  const auto weigh = [&](Scores(&scores)[1], int64_t c0, const float(*factors)[kTile]) {
    float best[2] = {most[0], most[1]};
    for_scores([&](int n, int j) {
      float& score = scores[0].at[n][j];
      score *= unit.at[j / 2] * factors[0][column_of(n, j)];
      const bool inside = c0 + column_of(n, j) < share.range.columns_end;
      if (inside && score > best[j / 2]) best[j / 2] = score;
    });
    for (int half = 0; half < 2; ++half) totals[half] *= exp(most[half] - best[half]);
    for_scores([&](int n, int j) {
      if (c0 + column_of(n, j) < share.range.columns_end)
        totals[j / 2] += exp(scores[0].at[n][j] - best[j / 2]);
    });
    for (int half = 0; half < 2; ++half) most[half] = best[half];
  };
  Sums<0> sums;
  walk<kTerms, 0, 1, 1>(share.range, {{p.q, p.k}}, p.v, 0, {{p.k.unit, 1}}, shared, sums, weigh);
  for (int half = 0; half < 2; ++half) {
    const float best = max_of_row(most[half]);
    totals[half] *= exp(most[half] - best);
    most[half] = best;
  }
  leave_sums<0>(share, 0, 0, sums, totals, most, p.to);
#else
  __trap();
#endif
}

/// Rows are the points j that receive, columns the points i that give.
template <typename N, int kTerms, int kWidth>
__global__ void __launch_bounds__(kBlock, kBlocks<kTerms, kWidth>) outputs(OffsetWalk<N> p) {
#ifdef POINTATTN_TENSOR_CORES
  extern __shared__ __align__(128) unsigned char memory[];
  auto& shared = *reinterpret_cast<Shared<N, kTerms, kWidth, 4>*>(memory);
  const Share share = share_of(p.tiles, p.to.splits);
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWidth;
  const RowNumbers unit = row_numbers({p.k.unit, 1}, share.range);
  float totals[2] = {};
  const auto weigh = [&](Scores(&scores)[1], int64_t c0, const float(*factors)[kTile]) {
    for_scores([&](int n, int j) {
      const int column = column_of(n, j);
      const float score = scores[0].at[n][j] * (unit.at[j / 2] * factors[0][column]);
      const bool inside = c0 + column < share.range.columns_end;
      const float weight = inside ? exp(score - factors[1][column]) * factors[2][column] : 0.0F;
      totals[j / 2] += weight;
      scores[0].at[n][j] = weight * factors[3][column];
    });
  };
  Sums<kWidth> sums = {};
  walk<kTerms, kWidth, 1, 4>(share.range,
                             {{p.k, p.q}},
                             p.v,
                             first,
                             {{p.q.unit, 1}, {p.row_max, 1}, {p.row_scale, 1}, {p.v.unit, 1}},
                             shared,
                             sums,
                             weigh);
  leave_sums<kWidth>(share, 0, first, sums, totals, {0, 0}, p.to);
#else
  __trap();
#endif
}

template <int kTerms, typename T>
void launch_forward(const OffsetAttentionForward<T>& p,
                    const Scratch& scratch,
                    cudaStream_t stream) {
  using N = Part<T>;
  const OffsetAttentionInputs<T>& in = p.inputs;
  const Packed<N> q = packed<kTerms>(in.q, in.rows, 1, in.depth, scratch, stream);
  const Packed<N> k =
      in.k == in.q ? q : packed<kTerms>(in.k, in.rows, 1, in.depth, scratch, stream);
  const Packed<N> v = packed<kTerms>(in.v, in.rows, 1, in.width, scratch, stream);
  OffsetWalk<N> walk{in.tiles, q, k, v, p.row_max, p.row_scale, {}};

  walk.to = row_sums(splits_for(in.tiles, 1, kBlocks<kTerms, 0>), 1, in.rows, 0, scratch);
  launch_walk<Shared<N, kTerms, 0, 1>, 0>(
      row_statistics<N, kTerms>, "offset_attention: row statistics", walk, stream);
  finish<T>(walk.to, SoftmaxEnding{p.row_max, p.row_scale}, p.out, stream);

  walk.to = room_for<kTerms>(in.tiles, 1, in.rows, in.width, scratch);
  for_width<kTerms>(in.width, [&](auto width) {
    constexpr int kWidth = decltype(width)::value;
    launch_walk<Shared<N, kTerms, kWidth, 4>, kWidth>(
        outputs<N, kTerms, kWidth>, "offset_attention: outputs", walk, stream);
  });
  finish<T>(walk.to, ColumnEnding{p.column_scale}, p.out, stream);
}

}  // namespace
}  // namespace tensor

template <typename T>
void launch_offset_attention_forward_on_tensor_cores(const OffsetAttentionForward<T>& params,
                                                     const Scratch& scratch,
                                                     cudaStream_t stream) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (!params.inputs.tf32) return tensor::launch_forward<2>(params, scratch, stream);
  }
  tensor::launch_forward<1>(params, scratch, stream);
}

template void launch_offset_attention_forward_on_tensor_cores<float>(
    const OffsetAttentionForward<float>&, const Scratch&, cudaStream_t);
template void launch_offset_attention_forward_on_tensor_cores<__half>(
    const OffsetAttentionForward<__half>&, const Scratch&, cudaStream_t);
template void launch_offset_attention_forward_on_tensor_cores<__nv_bfloat16>(
    const OffsetAttentionForward<__nv_bfloat16>&, const Scratch&, cudaStream_t);

}  // namespace pointattn::cuda
