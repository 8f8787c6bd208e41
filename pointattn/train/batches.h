// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/point_batch.h"
#include "pointattn/train/dataset.h"
#include "pointattn/train/trainer.h"

#include <vector>

namespace pointattn::train {

/// Input and truth of one step.
struct Batch {
  PointBatch points;
  at::Tensor category;  ///< int64 [B], the truth
  at::Tensor part;      ///< int64 [N] global part ids; undefined for classification data
};

/// Indices of a data set, split into those to learn from and `hold_out` of each category kept aside
/// (at least one of every category stays to be learned from). Deterministic by seed.
struct Split {
  std::vector<int64_t> learn;
  std::vector<int64_t> held_out;
};
Split split_by_category(const Dataset& data, int64_t hold_out, uint64_t seed);

/// The order of an epoch, cut into steps; a last step of a single shape joins the one before, since
/// batch norm needs more than one.
std::vector<std::vector<int64_t>> steps_of(std::vector<int64_t> shapes,
                                           int64_t batch,
                                           Random random);

/// Shapes with random points and augmentation; draws come from (seed, epoch, shape), whatever the
/// step.
Batch training_batch(const Dataset& data,
                     const std::vector<int64_t>& shapes,
                     const TrainOptions& options,
                     int64_t epoch);

/// Shapes as they are, their first `points` points.
Batch plain_batch(const Dataset& data, const std::vector<int64_t>& shapes, int64_t points);

}  // namespace pointattn::train
