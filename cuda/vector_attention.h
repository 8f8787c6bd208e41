// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pointattn::cuda {

/// Vector attention over neighbours; ops/vector_attention.h has the formula. Pointers are on the
/// device; query, key and value have rows that many elements apart.
template <typename T>
struct VectorAttentionParams {
  const T* xyz;  ///< [points,3]
  const T *query, *key, *value;
  int64_t query_stride, key_stride, value_stride;
  const int64_t* index;  ///< [points,neighbors], −1 for none
  const T *position_weight, *position_bias;
  const T *offset_weight, *offset_bias;
  const T *scale, *shift;
  const T *hidden_weight, *hidden_bias;
  const T *logit_weight, *logit_bias;
  T* out;  ///< [points,channels]
  int64_t points, neighbors, channels, groups;
};

/// T is float or double. Throws std::runtime_error when a point's pairs do not fit the shared memory
/// of a block (K indices and K (G + 3) + C + G numbers in 48 KiB), or when the launch fails.
template <typename T>
void launch_vector_attention(const VectorAttentionParams<T>& params, cudaStream_t stream);

}  // namespace pointattn::cuda
