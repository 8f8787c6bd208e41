// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/point_batch.h"

namespace pointattn::nn {

/// Some points of each cloud of a batch, as a smaller batch.
struct Sampled {
  at::Tensor index;  ///< int64 [M] rows of the batch that was sampled
  PointBatch batch;  ///< their coordinates and offsets, without features
};

/// Takes `points` points of each cloud (all of a smaller cloud) by farthest point sampling, in the
/// order taken; no gradient.
Sampled sample_farthest(const PointBatch& batch, int64_t points);
/// The same with a number of points, at most those it has, for each cloud.
Sampled sample_farthest(const PointBatch& batch, const std::vector<int64_t>& counts);

/// The first `points` points of each cloud: of a batch in farthest-point order that is again its
/// farthest-point sample.
Sampled take_first(const PointBatch& batch, int64_t points);
/// The same with a number of points, at most those it has, for each cloud.
Sampled take_first(const PointBatch& batch, const std::vector<int64_t>& counts);

/// The k nearest points [M,k] of each query, rows of `points`, nearest first. A cloud of fewer than
/// k points repeats its nearest one, so no place is empty: a maximum over neighbours ignores
/// repeats. Every cloud with queries needs a point.
at::Tensor nearest(const PointBatch& query, const PointBatch& points, int64_t k);

/// As nearest(), but the places that a short cloud cannot fill are −1, behind the others.
at::Tensor nearest_or_none(const PointBatch& query, const PointBatch& points, int64_t k);

}  // namespace pointattn::nn
