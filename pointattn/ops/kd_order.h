// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace pointattn::ops {

template <typename T>
struct PlacedPoint {
  T xyz[3];
  int32_t row;
};

/// The finite points [n,3] in the order of a k-d tree whose leaves are `leaf_size` consecutive
/// points: every leaf but the last is full, and leaves 2^m j … 2^m (j + 1) − 1 are one subtree for
/// every m and j. A range is split across its widest axis, points ordered by (coordinate, row), so
/// the order depends on nothing but the points. O(n log n), on up to `threads` threads.
template <typename T>
std::vector<PlacedPoint<T>> kd_order(const T* points, int64_t n, int64_t leaf_size, int threads);

}  // namespace pointattn::ops
