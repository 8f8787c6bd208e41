// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <functional>

namespace pointattn::test {

/// Gradient of a scalar function of a float64 tensor by central differences.
inline at::Tensor finite_differences(const std::function<at::Tensor(const at::Tensor&)>& function,
                                     const at::Tensor& at_point,
                                     double step = 1e-6) {
  at::Tensor point = at_point.detach().to(at::kCPU).clone().contiguous();
  at::Tensor gradient = at::zeros_like(point);
  double* value = point.mutable_data_ptr<double>();
  for (int64_t i = 0; i < point.numel(); ++i) {
    const double kept = value[i];
    value[i] = kept + step;
    const double above = function(point.clone().to(at_point.device())).item<double>();
    value[i] = kept - step;
    const double below = function(point.clone().to(at_point.device())).item<double>();
    value[i] = kept;
    gradient.mutable_data_ptr<double>()[i] = (above - below) / (2 * step);
  }
  return gradient.to(at_point.device());
}

}  // namespace pointattn::test
