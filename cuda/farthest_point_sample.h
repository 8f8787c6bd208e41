// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pointattn::cuda {

/// The farthest point that a block found.
template <typename T>
struct Farthest {
  T sq_dist;
  int64_t row;
};

/// Most blocks that share a cloud: a warp reads what all of them found.
constexpr int kMostBlocksOfACloud = 32;

/// All pointers are on the device, T is float or double.
template <typename T>
struct FarthestPointSampleParams {
  const T* points;         ///< [N,3]
  const int64_t* offsets;  ///< [clouds+1] rows of the clouds
  const int64_t* starts;   ///< [clouds+1] rows of their samples
  int64_t clouds;
  int64_t most_points;  ///< of a cloud
  T* sq_dist;           ///< scratch [N]
  Farthest<T>* found;   ///< scratch [clouds, 2, kMostBlocksOfACloud]
  unsigned* arrived;    ///< scratch [clouds], zeros
  int64_t* taken;       ///< out [starts[clouds]], rows of points
};

/// The first row of each cloud, then always the farthest point, the lowest row among equals. Large
/// clouds are shared by several blocks, as many as can run at once. Throws std::runtime_error when
/// the launch fails.
template <typename T>
void launch_farthest_point_sample(const FarthestPointSampleParams<T>& params, cudaStream_t stream);

}  // namespace pointattn::cuda
