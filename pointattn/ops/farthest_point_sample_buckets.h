// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/point_kernels.h"

#include <cstdint>

namespace pointattn::ops {

/// Farthest point sampling of one cloud of finite points [n,3]: writes the rows of the first
/// `count` ≤ n points taken to `taken`, each plus `first_row`.
///
/// The points lie in buckets under a tree of boxes, whose nodes know the largest distance that one
/// of their points has to the points taken so far; a new point changes nothing in nodes farther
/// from it than that, so these are passed over. The result is exactly that of the plain definition.
/// Cost O(n log n) on up to `threads` threads and, per point taken, the buckets it reaches: all at
/// first, a few later on. `with` is one instruction set's kernels.
template <typename T>
void farthest_points(const T* points,
                     int64_t n,
                     int64_t count,
                     int64_t first_row,
                     int threads,
                     int64_t* taken,
                     const search::Kernels<T>& with = search::kernels<T>());

}  // namespace pointattn::ops
