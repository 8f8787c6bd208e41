// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/sampling.h"

#include "pointattn/ops/ball_query.h"
#include "pointattn/ops/farthest_point_sample.h"
#include "pointattn/ops/knn.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

namespace pointattn::nn {
namespace {

std::vector<int64_t> at_most(std::vector<int64_t> counts, int64_t points) {
  for (int64_t& n : counts) n = std::min(n, points);
  return counts;
}

bool all_have(const PointBatch& batch, int64_t points) {
  const std::vector<int64_t> counts = batch.counts();
  return std::all_of(counts.begin(), counts.end(), [points](int64_t n) { return n >= points; });
}

Sampled select(const PointBatch& batch,
               const at::Tensor& index,
               const std::vector<int64_t>& counts) {
  return {index, {batch.xyz.index_select(0, index), {}, offsets_of(counts)}};
}

}  // namespace

Sampled sample_farthest(const PointBatch& batch, const std::vector<int64_t>& counts) {
  const at::Tensor index =
      ops::farthest_point_sample(batch.xyz.detach(), batch.offsets, at::tensor(counts, at::kLong));
  return select(batch, index, counts);
}

Sampled sample_farthest(const PointBatch& batch, int64_t points) {
  return sample_farthest(batch, at_most(batch.counts(), points));
}

Sampled take_first(const PointBatch& batch, const std::vector<int64_t>& counts) {
  const std::vector<int64_t> all = batch.counts();
  std::vector<at::Tensor> rows;
  int64_t begin = 0;
  for (size_t b = 0; b < all.size(); ++b) {
    rows.push_back(at::arange(begin, begin + counts[b], batch.xyz.options().dtype(at::kLong)));
    begin += all[b];
  }
  return select(batch, at::cat(rows), counts);
}

Sampled take_first(const PointBatch& batch, int64_t points) {
  return take_first(batch, at_most(batch.counts(), points));
}

at::Tensor nearest_or_none(const PointBatch& query, const PointBatch& points, int64_t k) {
  if (all_have(points, k)) {
    return ops::knn(query.xyz, points.xyz, query.offsets, points.offsets, k).index;
  }
  const double anywhere = std::numeric_limits<double>::infinity();
  return ops::ball_query(query.xyz, points.xyz, query.offsets, points.offsets, anywhere, k).index;
}

at::Tensor nearest(const PointBatch& query, const PointBatch& points, int64_t k) {
  const at::Tensor padded = nearest_or_none(query, points, k);
  if (all_have(points, k)) return padded;
  return at::where(padded.eq(ops::kNoNeighbor), padded.narrow(1, 0, 1), padded);
}

}  // namespace pointattn::nn
