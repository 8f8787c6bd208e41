// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace pointattn::models {

/// A cloud of any unit, position and quality, made ready for a network.
struct PreparedCloud {
  int64_t points = 0;  ///< points of the input, N
  at::Tensor xyz;      ///< float32 [F,3] finite points, moved and scaled so that their bounding box
                       ///< fits [-1,1]³
  at::Tensor
      finite_rows;    ///< int64 [F] rows of the finite points in the input; undefined when all are
  at::Tensor sample;  ///< float32 [n,3] points for the network, in the frame of `xyz`, no two at
                      ///< the same place
  std::vector<std::string>
      notes;  ///< what was unusual, one line each: non-finite, repeated, flat, few
};

/// Sets points that are not finite aside, then takes up to `points` of the rest, each place once,
/// by farthest point sampling. A large cloud is first thinned to one point a cell of a 128³ grid
/// over its bounding cube, which keeps the time of the sampling bounded. Moving and scaling happen
/// in float64, so UTM coordinates keep their detail. Deterministic; memory O(N). xyz [N,3] float32
/// or float64. Throws c10::ValueError: wrong shape or type, N = 0, no finite point, points < 1.
PreparedCloud prepare_cloud(const at::Tensor& xyz, int64_t points);

/// Scores of one normalised cloud [n,3], back on the CPU in float32: [1, columns] for
/// classification, [n, columns] for segmentation, and the guessed category [1, categories] and the
/// feature [1,D] where the network makes them. Runs on the network's own device. Throws c10::Error when the network's
/// scores have another shape or are not finite.
Scores network_scores(
    Network& network, Task task, const at::Tensor& sample, int64_t category, int64_t columns);

}  // namespace pointattn::models
