// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/devices.h"

#include <gtest/gtest.h>
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <string>
#include <tuple>

namespace pointattn::test {

/// Device and dtype of a case.
class OpTest : public testing::TestWithParam<std::tuple<c10::DeviceType, at::ScalarType>> {
 protected:
  void SetUp() override {
    POINTATTN_NEED_DEVICE(std::get<0>(GetParam()));
    at::manual_seed(7);
  }
  at::ScalarType dtype() const { return std::get<1>(GetParam()); }
  at::TensorOptions options() const { return at::device(std::get<0>(GetParam())).dtype(dtype()); }
  /// A float64 CPU tensor as the case's operand.
  at::Tensor operand(const at::Tensor& tensor) const { return tensor.to(options()); }
};

inline std::string op_test_name(const testing::TestParamInfo<OpTest::ParamType>& info) {
  return device_name(std::get<0>(info.param)) +
         (std::get<1>(info.param) == at::kFloat ? "_float32" : "_float64");
}

#define POINTATTN_INSTANTIATE_OP_TEST(Fixture)                                            \
  INSTANTIATE_TEST_SUITE_P(Devices,                                                       \
                           Fixture,                                                       \
                           testing::Combine(testing::ValuesIn(pointattn::test::kDevices), \
                                            testing::Values(at::kFloat, at::kDouble)),    \
                           pointattn::test::op_test_name)

/// Message of the ValueError that `action` throws; anything else fails the case by its text.
inline std::string value_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const c10::ValueError& error) {
    return error.what_without_backtrace();
  } catch (const std::exception& error) {
    return std::string("another error: ") + error.what();
  }
  return "no error";
}

/// Runs `action` on each number of threads and gives its results.
inline std::vector<at::Tensor> for_thread_counts(const std::function<at::Tensor()>& action) {
  const int kept = at::get_num_threads();
  std::vector<at::Tensor> results;
  for (int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    results.push_back(action());
  }
  at::set_num_threads(kept);
  return results;
}

}  // namespace pointattn::test
