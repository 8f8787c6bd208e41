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

Sampled select(const PointBatch& batch,
               const at::Tensor& index,
               const std::vector<int64_t>& counts) {
  return {index, {batch.xyz.index_select(0, index), {}, offsets_of(counts)}};
}

}  // namespace

Sampled sample_farthest(const PointBatch& batch, int64_t points) {
  const std::vector<int64_t> counts = at_most(batch.counts(), points);
  const at::Tensor index =
      ops::farthest_point_sample(batch.xyz.detach(), batch.offsets, at::tensor(counts, at::kLong));
  return select(batch, index, counts);
}

Sampled take_first(const PointBatch& batch, int64_t points) {
  const std::vector<int64_t> all = batch.counts();
  const std::vector<int64_t> counts = at_most(all, points);
  std::vector<at::Tensor> rows;
  int64_t begin = 0;
  for (size_t b = 0; b < all.size(); ++b) {
    rows.push_back(at::arange(begin, begin + counts[b], batch.xyz.options().dtype(at::kLong)));
    begin += all[b];
  }
  return select(batch, at::cat(rows), counts);
}

at::Tensor nearest(const PointBatch& query, const PointBatch& points, int64_t k) {
  const std::vector<int64_t> counts = points.counts();
  if (std::all_of(counts.begin(), counts.end(), [k](int64_t n) { return n >= k; })) {
    return ops::knn(query.xyz, points.xyz, query.offsets, points.offsets, k).index;
  }
  const double anywhere = std::numeric_limits<double>::infinity();
  const at::Tensor padded =
      ops::ball_query(query.xyz, points.xyz, query.offsets, points.offsets, anywhere, k).index;
  return at::where(padded.eq(ops::kNoNeighbor), padded.narrow(1, 0, 1), padded);
}

}  // namespace pointattn::nn
