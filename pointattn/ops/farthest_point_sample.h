// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::ops {

/// Farthest point sampling (Eldar et al., IEEE TIP 1997), cloud by cloud.
///
/// points   [N,3] float32 or float64
/// offsets  [B+1] int64 row starts of the clouds
/// counts   [B] int64 points to take of each cloud, 0 ≤ counts[b] ≤ points of cloud b
///
/// Returns int64 [Σ counts]: rows of `points`, cloud by cloud in the order taken. The first is the
/// cloud's first row; each next one is the point with the largest distance to those taken, the
/// lowest row among equals (so duplicates come last, in order, each once). No gradient. Throws
/// c10::ValueError: wrong shapes, counts[b] above the cloud's size, NaN or infinity. Cost: O(N·M)
/// time, O(N) memory.
at::Tensor farthest_point_sample(const at::Tensor& points,
                                 const at::Tensor& offsets,
                                 const at::Tensor& counts);

}  // namespace pointattn::ops
