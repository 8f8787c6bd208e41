// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pointattn::cuda {

/// All pointers are on the device, T is float or double.
template <typename T>
struct FarthestPointSampleParams {
  const T* points;         ///< [N,3]
  const int64_t* offsets;  ///< [clouds+1] rows of the clouds
  const int64_t* starts;   ///< [clouds+1] rows of their samples
  int64_t clouds;
  T* sq_dist;      ///< scratch [N]
  int64_t* taken;  ///< out [starts[clouds]], rows of points
};

/// The first row of each cloud, then always the farthest point, the lowest row among equals. Throws
/// std::runtime_error when the launch fails.
template <typename T>
void launch_farthest_point_sample(const FarthestPointSampleParams<T>& params, cudaStream_t stream);

}  // namespace pointattn::cuda
