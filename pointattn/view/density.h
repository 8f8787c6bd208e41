// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::view {

/// Typical distance between neighbouring points of a surface: the square root of area a point,
/// the area measured by boxes that hold points. xyz float32 [N,3]; 0 for fewer than two places.
/// Pictures and windows choose the size of points by it. Looks at no more than 65,536 points.
double spacing(const at::Tensor& xyz);

}  // namespace pointattn::view
