// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/shape_pools.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/ops/farthest_point_sample.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace pointattn::retrieval {
namespace {

constexpr int64_t kDrawnPerPoint = 4;

at::Tensor pool_of(const at::Tensor& drawn, int64_t points) {
  const at::Tensor rows = ops::farthest_point_sample(
      drawn, offsets_of({drawn.size(0)}), at::tensor({points}, at::kLong));
  return to_unit_sphere(drawn.index_select(0, rows));
}

}  // namespace

at::Tensor prior_of(const models::Segmentation& segmentation,
                    const LabelMap& labels,
                    int64_t columns) {
  const Category& category = labels.categories.at(static_cast<size_t>(segmentation.category));
  const at::Tensor part = segmentation.label - category.first_part;  // [N]
  const at::Tensor known = part.lt(columns).to(at::kFloat) * segmentation.confidence;
  return at::one_hot(part.clamp_max(columns - 1), columns).to(at::kFloat) * known.unsqueeze(1);
}

ShapePools make_shape_pools(const train::CaptionedShapes& shapes,
                            int64_t points,
                            uint64_t seed,
                            const models::Segmenter* segmenter,
                            int64_t columns) {
  ShapePools pools;
  pools.xyz.resize(static_cast<size_t>(shapes.size()));
  at::parallel_for(0, shapes.size(), 1, [&](int64_t begin, int64_t end) {
    const at::NoGradGuard no_grad;
    for (int64_t s = begin; s < end; ++s) {
      const Random random(seed, static_cast<uint64_t>(s), 11);
      pools.xyz[static_cast<size_t>(s)] =
          pool_of(shapes.points(s, kDrawnPerPoint * points, random), points);
    }
  });
  if (!segmenter) return pools;
  for (const at::Tensor& xyz : pools.xyz) {
    models::SegmentOptions options;
    options.points = points;
    pools.prior.push_back(
        prior_of(segmenter->segment(xyz, options), segmenter->model().spec.labels, columns));
  }
  return pools;
}

}  // namespace pointattn::retrieval
