// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/sampling.h"

#include <vector>

namespace pointattn::nn {

/// A neighbourhood: up to `neighbors` points within `radius` of its centre.
struct BallScale {
  double radius;
  int64_t neighbors;
};

/// Centres with the points around them, as a list of pairs: balls are seldom full, and a layer that
/// works on pairs spends nothing on empty places.
struct BallGroups {
  at::Tensor centre;    ///< int64 [P] the centre of each pair, ascending
  at::Tensor neighbor;  ///< int64 [P] its neighbour, a row of the points
  at::Tensor slots;     ///< int64 [M,S] the pairs of each centre; its last one fills empty places
};

/// The pairs of each scale for centres that were taken from `points`, by one search: the nearest
/// points (ties: the lower row), so the order of the points does not matter. Each centre is its own
/// first neighbour, even where that many others coincide with it; every pair stands once. (Public
/// code takes the first points found in memory and repeats one in empty places, which then weighs
/// more in batch norms.) No gradient. Throws c10::ValueError: no scale, a negative radius, no
/// neighbours, shapes that do not fit.
std::vector<BallGroups> ball_groups(const PointBatch& points,
                                    const Sampled& centres,
                                    const std::vector<BallScale>& scales);

/// The largest value of each channel over the pairs of each centre: [P,C] → [M,C].
at::Tensor max_over(const BallGroups& groups, const at::Tensor& pairs);

}  // namespace pointattn::nn
