// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace pointattn::cuda {

/// Blocks for `work` threads in blocks of `threads`, capped: kernels stride over what is left.
inline unsigned grid_for(int64_t work, int64_t threads) {
  return static_cast<unsigned>(std::min<int64_t>((work + threads - 1) / threads, int64_t{1} << 20));
}

/// Throws std::runtime_error for anything but success.
inline void check(const char* what, cudaError_t error) {
  if (error != cudaSuccess) {
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
  }
}

/// Throws std::runtime_error when the launch just made was refused.
inline void check_launch(const char* kernel) { check(kernel, cudaGetLastError()); }

}  // namespace pointattn::cuda
