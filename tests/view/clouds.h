// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace pointattn::test {

/// A cloud with fields x, y, z (float64) from [N,3].
io::Cloud cloud_of(const at::Tensor& xyz);

/// A wall of upright strips one unit high in the plane z = 0, from x = 0 on, as wide as `shares`; strip i
/// has label first + i, named in the comments as `segment` does, with the palette's colours.
io::Cloud striped_wall(int64_t points,
                       const std::vector<double>& shares,
                       const std::vector<std::string>& names,
                       int64_t first = 0);

/// Random points in the unit cube, float32 [n,3].
at::Tensor random_points(int64_t n, uint64_t seed);

}  // namespace pointattn::test
