// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/density.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace pointattn::view {
namespace {

constexpr int64_t kMostPoints = 65536;
constexpr double kPointsPerBox = 5;

/// Boxes of edge `size` that hold a point.
int64_t boxes(const at::Tensor& xyz, const float* low, double size) {
  const float* p = xyz.const_data_ptr<float>();
  std::vector<int64_t> keys(static_cast<size_t>(xyz.size(0)));
  for (size_t i = 0; i < keys.size(); ++i) {
    int64_t key = 0;
    for (size_t axis = 0; axis < 3; ++axis)
      key = key << 20 | static_cast<int64_t>((p[3 * i + axis] - low[axis]) / size);
    keys[i] = key;
  }
  std::sort(keys.begin(), keys.end());
  return std::unique(keys.begin(), keys.end()) - keys.begin();
}

}  // namespace

double spacing(const at::Tensor& xyz) {
  const int64_t points = xyz.size(0);
  if (points < 2) return 0;
  const int64_t stride = (points + kMostPoints - 1) / kMostPoints;
  const at::Tensor some = xyz.slice(0, 0, points, stride).contiguous();
  const auto [low, high] = some.aminmax(0);
  const double extent = (high - low).max().item<double>();
  if (!(extent > 0)) return 0;
  // Halve the boxes until they hold few points each: then their faces follow the surface.
  double size = extent / 4;
  int64_t filled = boxes(some, low.const_data_ptr<float>(), size);
  for (int level = 0; level < 16 && static_cast<double>(some.size(0)) >
                                        kPointsPerBox * static_cast<double>(filled);
       ++level) {
    size /= 2;
    filled = boxes(some, low.const_data_ptr<float>(), size);
  }
  return size * std::sqrt(static_cast<double>(filled) / static_cast<double>(points));
}

}  // namespace pointattn::view
