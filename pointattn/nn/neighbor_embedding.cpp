// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/neighbor_embedding.h"

#include "pointattn/ops/ball_query.h"
#include "pointattn/ops/farthest_point_sample.h"
#include "pointattn/ops/gather.h"
#include "pointattn/ops/knn.h"

#include <torch/torch.h>

#include <algorithm>
#include <limits>

namespace pointattn::nn {
namespace {

/// Neighbours [M,k] of each centre. A cloud of fewer than k points repeats its nearest one: a
/// maximum over neighbours ignores repeats.
at::Tensor neighbors_of(const PointBatch& batch, const Sampled& centres, int64_t k) {
  const std::vector<int64_t> counts = batch.counts();
  const bool enough = std::all_of(counts.begin(), counts.end(), [k](int64_t n) { return n >= k; });
  if (enough)
    return ops::knn(centres.batch.xyz, batch.xyz, centres.batch.offsets, batch.offsets, k).index;
  const double anywhere = std::numeric_limits<double>::infinity();
  const at::Tensor padded =
      ops::ball_query(
          centres.batch.xyz, batch.xyz, centres.batch.offsets, batch.offsets, anywhere, k)
          .index;
  return at::where(padded.eq(ops::kNoNeighbor), padded.narrow(1, 0, 1), padded);
}

}  // namespace

Sampled sample_farthest(const PointBatch& batch, int64_t points) {
  std::vector<int64_t> counts = batch.counts();
  for (int64_t& n : counts) n = std::min(n, points);
  const at::Tensor index =
      ops::farthest_point_sample(batch.xyz.detach(), batch.offsets, at::tensor(counts, at::kLong));
  return {index, {batch.xyz.index_select(0, index), {}, offsets_of(counts)}};
}

NeighborEmbeddingImpl::NeighborEmbeddingImpl(int64_t in,
                                             int64_t out,
                                             int64_t neighbors,
                                             bool relative)
    : in_(in), out_(out), neighbors_(neighbors), relative_(relative) {
  TORCH_CHECK_VALUE(neighbors > 0, "NeighborEmbedding: expected neighbors > 0, got ", neighbors);
  reset();
}

void NeighborEmbeddingImpl::reset() {
  first = register_module("first", SharedMlp(2 * in_ + (relative_ ? 3 : 0), out_));
  second = register_module("second", SharedMlp(out_, out_));
}

at::Tensor NeighborEmbeddingImpl::forward(const PointBatch& batch,
                                          const at::Tensor& feat,
                                          const Sampled& centres) {
  const at::Tensor index = neighbors_of(batch, centres, neighbors_);  // [M,k]
  // The first layer is linear, so W [f_j − f_i, f_i, x_j − x_i] splits into a term of the neighbour
  // and one of the centre. Both are computed once a point, not once a pair: k times fewer
  // multiply-adds and no [M,k,2C] tensor.
  const at::Tensor weight = first->linear->weight;  // [C_out, 2C (+3)]
  const at::Tensor w_near = weight.narrow(1, 0, in_);
  const at::Tensor w_centre = weight.narrow(1, in_, in_) - w_near;
  at::Tensor near = at::linear(feat, w_near);                                     // [N,C_out]
  at::Tensor centre = at::linear(feat.index_select(0, centres.index), w_centre);  // [M,C_out]
  if (relative_) {
    const at::Tensor w_relative = weight.narrow(1, 2 * in_, 3);
    near = near + at::linear(batch.xyz, w_relative);
    centre = centre - at::linear(centres.batch.xyz, w_relative);
  }
  const at::Tensor pairs = ops::gather(near, index) + centre.unsqueeze(1);  // [M,k,C_out]
  const at::Tensor hidden = first->norm(pairs.view({-1, out_}));
  return second(hidden).view(pairs.sizes()).amax(1);  // [M,C_out]
}

}  // namespace pointattn::nn
