// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pointattn::cuda {

enum class Element { kFloat32, kFloat64, kFloat16, kBFloat16 };

/// out[m] = Σ_k weight[m,k] feat[index[m,k]]; without a weight K is 1 and the row is copied.
/// Pointers are on the device.
struct GatherParams {
  const void* feat;      ///< [N,channels]
  const int64_t* index;  ///< [rows,k], −1 counts nothing
  const void* weight;    ///< [rows,k] or null
  void* out;             ///< [rows,channels]
  int64_t rows;
  int64_t k;
  int64_t channels;
};

/// out[n] = Σ weight[r] grad[r/k] over r = order[starts[n]] … order[starts[n+1]-1], in this order.
/// Pointers are on the device.
struct GatherBackwardParams {
  const void* grad;       ///< [R/k,channels]
  const int64_t* order;   ///< places of the index, sorted by value and then place
  const int64_t* starts;  ///< [rows+1] where each value begins in `order`
  const void* weight;     ///< [R] or null
  void* out;              ///< [rows,channels]
  int64_t rows;
  int64_t k;
  int64_t channels;
};

/// Half precision is summed in float32. Both throw std::runtime_error when the launch fails.
void launch_gather(const GatherParams& params, Element element, cudaStream_t stream);
void launch_gather_backward(const GatherBackwardParams& params,
                            Element element,
                            cudaStream_t stream);

}  // namespace pointattn::cuda
