// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/kd_order.h"
#include "pointattn/ops/point_kernels.h"

#include <cstdint>
#include <vector>

namespace pointattn::ops {

/// Boxes over points in the order of kd_order(): nodes of sixteen children, those of the lowest
/// level being leaves of `leaf_size` consecutive points.
template <typename T>
class BoxTree {
 public:
  BoxTree() = default;
  BoxTree(const std::vector<PlacedPoint<T>>& placed, int64_t leaf_size, int threads);

  /// Fills in the nodes of a view; of a tree without points there are none.
  search::Levels<T> levels() const;

 private:
  std::vector<search::Fan<T>> fans_;
  std::vector<int64_t> level_begin_;  ///< in fans_, lowest level first
};

}  // namespace pointattn::ops
