// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/launch.h"

#include <cuda_runtime_api.h>

#include <initializer_list>
#include <stdexcept>
#include <string>

namespace pointattn::cuda {

/// Whether the kernels for tensor cores of compute capability 8.0 and later can run: on the current
/// device, and in this build, whose code for an older architecture a newer device may run as well.
/// To be called from sources that nvcc compiles.
inline bool has_tensor_cores() {
  int device = 0;
  int major = 0;
  int minor = 0;
  check("device", cudaGetDevice(&device));
  check("compute capability",
        cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  check("compute capability",
        cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
  int chosen = 0;
#ifdef __CUDA_ARCH_LIST__
  for (const int built : {__CUDA_ARCH_LIST__}) {
    if (built <= 100 * major + 10 * minor && built > chosen) chosen = built;
  }
#endif
  return chosen >= 800;
}

/// Whether an operation on numbers of type T runs there; throws std::runtime_error for those of 16
/// bits, which run nowhere else.
template <typename T>
bool on_tensor_cores(const char* operation) {
  if (sizeof(T) > sizeof(float)) return false;
  if (has_tensor_cores()) return true;
  if (sizeof(T) == sizeof(float)) return false;
  throw std::runtime_error(std::string(operation) +
                           ": expected a GPU (and a build) of compute capability 8.0 or later for "
                           "numbers of 16 bits");
}

}  // namespace pointattn::cuda
