// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Context.h>
#include <c10/core/DeviceType.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace pointattn::test {

/// Devices that every operator test is instantiated for, whether they are there or not.
inline const c10::DeviceType kDevices[] = {c10::DeviceType::CPU, c10::DeviceType::CUDA};

inline bool device_available(c10::DeviceType device) {
  return device == c10::DeviceType::CPU || at::hasCUDA();
}

/// POINTATTN_REQUIRE_CUDA=1 says that this machine must run the CUDA cases.
inline bool cuda_required() {
  const char* text = std::getenv("POINTATTN_REQUIRE_CUDA");
  return text && std::string(text) == "1";
}

inline std::string device_name(c10::DeviceType device) {
  return device == c10::DeviceType::CPU ? "cpu" : "cuda";
}

}  // namespace pointattn::test

/// Skips the case, visibly, on a machine without the device; fails it instead where CUDA is
/// required.
#define POINTATTN_NEED_DEVICE(device)                                                        \
  if (!pointattn::test::device_available(device)) {                                          \
    if (pointattn::test::cuda_required()) FAIL() << "POINTATTN_REQUIRE_CUDA=1, but no CUDA"; \
    GTEST_SKIP() << "no CUDA device, or a build without CUDA";                               \
  }                                                                                          \
  static_assert(true)
