// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <c10/core/Device.h>

namespace c10::cuda {
struct CUDAGuard {
  explicit CUDAGuard(const c10::Device& /*device*/) {}
};
}  // namespace c10::cuda
