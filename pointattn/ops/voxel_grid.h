// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::ops {

/// A batch of clouds in the cells of a grid: V cells that hold points.
struct Voxels {
  at::Tensor xyz;    ///< [V,3], mean of each cell's points, summed in float64, dtype of the points
  at::Tensor count;  ///< int64 [V], points of each cell, at least 1
  at::Tensor voxel;  ///< int64 [N], the cell of each point, a row of xyz
  at::Tensor offsets;  ///< int64 [B+1], row starts of the clouds in xyz
};

/// Down-sampling by a grid of cubes with edges of `size` (unit of the coordinates): point x is in the
/// cell floor(x / size), computed in float64, so cells do not depend on which other points there are.
///
/// points   [N,3] float32 or float64, CPU
/// offsets  [B+1] int64 row starts of the clouds
///
/// Cells of a cloud come in the order of their first points. Deterministic, for every number of
/// threads. No gradient. Throws c10::ValueError: wrong shapes, size ≤ 0 or not finite, a size so
/// small that cells cannot be numbered (2^52 of them along an axis), NaN or infinity, a cloud of more
/// than 2^31 - 1 points. O(N) time, memory O(V) beyond input and output.
Voxels voxel_grid(const at::Tensor& points, const at::Tensor& offsets, double size);

}  // namespace pointattn::ops
