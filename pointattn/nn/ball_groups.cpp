// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/ball_groups.h"

#include "pointattn/core/check.h"
#include "pointattn/ops/ball_query.h"
#include "pointattn/ops/gather_max.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace pointattn::nn {
namespace {

/// The largest of all balls: it holds those of every scale as the beginnings of its lists.
BallScale largest(const std::vector<BallScale>& scales) {
  TORCH_CHECK_VALUE(!scales.empty(), "ball_groups: expected a scale, got none");
  BallScale all{0, 0};
  for (const auto& [radius, neighbors] : scales) {
    TORCH_CHECK_VALUE(radius >= 0 && neighbors > 0,
                      "ball_groups: expected radius ≥ 0 and neighbors > 0, got ",
                      radius,
                      " and ",
                      neighbors);
    all = {std::max(all.radius, radius), std::max(all.neighbors, neighbors)};
  }
  return all;
}

/// The pairs of neighbour lists [M,K], a centre's own row left out of its list and put in front.
BallGroups pairs_of(const at::Tensor& own, const at::Tensor& index) {
  const at::Tensor lists =
      at::cat({own, index.masked_fill(index.eq(own), ops::kNoNeighbor)}, 1);  // [M,1+K]
  const at::Tensor full = lists.ge(0);
  const at::Tensor counts = full.sum(1);
  const at::Tensor rows = at::arange(own.size(0), own.options());
  const int64_t most = own.size(0) > 0 ? counts.max().item<int64_t>() : 1;
  const at::Tensor place = at::minimum(at::arange(most, own.options()), counts.unsqueeze(1) - 1);
  return {rows.repeat_interleave(counts),
          lists.masked_select(full),
          (counts.cumsum(0) - counts).unsqueeze(1) + place};
}

}  // namespace

std::vector<BallGroups> ball_groups(const PointBatch& points,
                                    const Sampled& centres,
                                    const std::vector<BallScale>& scales) {
  const BallScale all = largest(scales);
  ShapeCheck check("ball_groups");
  check(centres.batch.xyz, "centres", {"M", 3});
  check(centres.index, "index", {"M"});
  const auto [index, sq_dist] = ops::ball_query(centres.batch.xyz.detach(),
                                                points.xyz.detach(),
                                                centres.batch.offsets,
                                                points.offsets,
                                                all.radius,
                                                all.neighbors);
  const at::Tensor own = centres.index.unsqueeze(1);
  std::vector<BallGroups> groups;
  for (const auto& [radius, neighbors] : scales) {
    at::Tensor near = index.narrow(1, 0, neighbors);
    if (radius < all.radius) {
      near =
          near.masked_fill(sq_dist.narrow(1, 0, neighbors).gt(radius * radius), ops::kNoNeighbor);
    }
    groups.push_back(pairs_of(own, near));
  }
  return groups;
}

at::Tensor max_over(const BallGroups& groups, const at::Tensor& pairs) {
  return ops::gather_max(pairs, groups.slots);
}

}  // namespace pointattn::nn
