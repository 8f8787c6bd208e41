// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace pointattn::ops {

/// Inputs of farthest_point_sample() after their checks.
struct SampleInputs {
  at::Tensor points;             ///< contiguous
  std::vector<int64_t> offsets;  ///< [B+1] row starts of the clouds
  std::vector<int64_t> starts;   ///< [B+1] row starts of their samples
};

SampleInputs check_sample(const at::Tensor& points,
                          const at::Tensor& offsets,
                          const at::Tensor& counts);

}  // namespace pointattn::ops
