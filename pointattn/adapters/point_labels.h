// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"
#include "pointattn/models/segmenter.h"

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

/// What the adapters of other libraries' clouds (pcl.h, open3d.h) share.
namespace pointattn::adapters {

/// The parts of the points as plain numbers and colours, in the order of the points.
struct PointLabels {
  std::vector<int64_t> part;  ///< global part ids
  std::vector<Color> color;   ///< the part's colour in the label map
};

/// Throws c10::ValueError when the result has not one label for each of `points` points, or a label
/// that the map does not know.
PointLabels point_labels(const models::Segmentation& result, const LabelMap& labels, size_t points);

/// float32 or float64 [N,3] over memory that somebody else owns, without a copy: x, y and z one
/// behind another at `first`, the next point `stride` numbers on. To be read only, and only as long
/// as the memory is there.
at::Tensor strided_xyz(const float* first, size_t points, int64_t stride);
at::Tensor strided_xyz(const double* first, size_t points, int64_t stride);

}  // namespace pointattn::adapters
