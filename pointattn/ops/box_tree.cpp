// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/box_tree.h"

#include <algorithm>
#include <limits>

namespace pointattn::ops {
namespace {

using search::Fan;
using search::kFan;

/// A node without children.
template <typename T>
Fan<T> empty_fan() {
  Fan<T> fan;
  for (int axis = 0; axis < 3; ++axis) {
    std::fill_n(fan.low[axis], kFan, std::numeric_limits<T>::infinity());
    std::fill_n(fan.high[axis], kFan, std::numeric_limits<T>::infinity());
  }
  std::fill_n(fan.first_row, kFan, search::kNoRow);
  return fan;
}

template <typename T>
void bound_points(const PlacedPoint<T>* points, int64_t count, Fan<T>& fan, int64_t child) {
  T low[3], high[3];
  for (int axis = 0; axis < 3; ++axis) low[axis] = high[axis] = points[0].xyz[axis];
  int32_t first_row = points[0].row;
  for (int64_t i = 1; i < count; ++i) {
    for (int axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], points[i].xyz[axis]);
      high[axis] = std::max(high[axis], points[i].xyz[axis]);
    }
    first_row = std::min(first_row, points[i].row);
  }
  for (int axis = 0; axis < 3; ++axis) {
    fan.low[axis][child] = low[axis];
    fan.high[axis][child] = high[axis];
  }
  fan.first_row[child] = first_row;
}

template <typename T>
void bound_children(const Fan<T>& lower, Fan<T>& fan, int64_t child) {
  int64_t count = 0;
  while (count < kFan && lower.first_row[count] != search::kNoRow) ++count;
  for (int axis = 0; axis < 3; ++axis) {
    fan.low[axis][child] = *std::min_element(lower.low[axis], lower.low[axis] + count);
    fan.high[axis][child] = *std::max_element(lower.high[axis], lower.high[axis] + count);
  }
  fan.first_row[child] = *std::min_element(lower.first_row, lower.first_row + count);
}

}  // namespace

template <typename T>
BoxTree<T>::BoxTree(const std::vector<PlacedPoint<T>>& placed,
                    int64_t leaf_size,
                    [[maybe_unused]] int threads) {
  const int64_t n = static_cast<int64_t>(placed.size());
  if (n == 0) return;
  const int64_t leaves = (n + leaf_size - 1) / leaf_size;
  int64_t fans = 0;
  for (int64_t level = leaves; level > 1 || fans == 0; fans += level) {
    level = (level + kFan - 1) / kFan;
    level_begin_.push_back(fans);
  }
  fans_.assign(static_cast<size_t>(fans), empty_fan<T>());
#pragma omp parallel for num_threads(threads) if (threads > 1 && n > 16384)
  for (int64_t leaf = 0; leaf < leaves; ++leaf) {
    const int64_t begin = leaf * leaf_size;
    bound_points(placed.data() + begin,
                 std::min(leaf_size, n - begin),
                 fans_[static_cast<size_t>(leaf / kFan)],
                 leaf % kFan);
  }
  for (size_t level = 1; level < level_begin_.size(); ++level) {
    const int64_t below = level_begin_[level - 1];
    for (int64_t node = 0; node < level_begin_[level] - below; ++node) {
      bound_children(fans_[static_cast<size_t>(below + node)],
                     fans_[static_cast<size_t>(level_begin_[level] + node / kFan)],
                     node % kFan);
    }
  }
}

template <typename T>
search::Levels<T> BoxTree<T>::levels() const {
  search::Levels<T> levels{{}, static_cast<int>(level_begin_.size())};
  for (size_t level = 0; level < level_begin_.size(); ++level)
    levels.fans[level] = fans_.data() + level_begin_[level];
  return levels;
}

template class BoxTree<float>;
template class BoxTree<double>;

}  // namespace pointattn::ops
