// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pointattn::cuda {

/// Neighbours that a warp keeps in its registers; more are kept in the output, which is slow.
constexpr int64_t kMostInRegisters = 1024;

/// Search of kNN and ball query by brute force; all pointers are on the device, T is float or
/// double. Clouds have less than 2³¹ points.
template <typename T>
struct KnnParams {
  const T* query;                ///< [queries,3]
  const T* points;               ///< [N,3]
  const int64_t* query_offsets;  ///< [clouds+1] rows of query
  const int64_t* point_offsets;  ///< [clouds+1] rows of points
  int64_t first_query;           ///< the rows of query that are searched for, of whole clouds
  int64_t queries;
  int64_t clouds;
  int64_t k;
  T sq_limit;      ///< neighbours are no further than this (squared)
  int64_t* index;  ///< out [·,k] by row of query, −1 where there is none
  T* sq_dist;      ///< out [·,k], +infinity there
};

/// Nearest first, equal distances by lower index; O(M·N). Throws std::runtime_error when the launch
/// fails.
template <typename T>
void launch_knn(const KnnParams<T>& params, cudaStream_t stream);

}  // namespace pointattn::cuda
