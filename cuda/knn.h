// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pointattn::cuda {

/// Search of kNN and ball query; all pointers are on the device, T is float or double.
template <typename T>
struct KnnParams {
  const T* query;                ///< [queries,3]
  const T* points;               ///< [N,3]
  const int64_t* query_offsets;  ///< [clouds+1]
  const int64_t* point_offsets;  ///< [clouds+1]
  int64_t queries;
  int64_t clouds;
  int64_t k;
  T sq_limit;      ///< neighbours are no further than this (squared)
  int64_t* index;  ///< out [queries,k], −1 where there is none
  T* sq_dist;      ///< out [queries,k], +infinity there
};

/// Nearest first, equal distances by lower index. Throws std::runtime_error when the launch fails.
template <typename T>
void launch_knn(const KnnParams<T>& params, cudaStream_t stream);

}  // namespace pointattn::cuda
