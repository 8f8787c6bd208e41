// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/ops/ops_test.h"

#include <algorithm>
#include <cstdint>
#include <vector>

/// What the tests of the attention operators share.
namespace pointattn {

inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.numel() == 0) return 0;
  const auto wide = [](const at::Tensor& t) { return t.detach().to(at::kCPU, at::kDouble); };
  return (wide(a) - wide(b)).abs().max().item<double>();
}

/// What an absolute tolerance is relative to.
inline double size_of(const at::Tensor& tensor) {
  return tensor.numel() == 0 ? 1 : 1 + tensor.abs().max().item<double>();
}

inline at::Tensor starts_of(const std::vector<int64_t>& counts) {
  std::vector<int64_t> starts{0};
  for (const int64_t count : counts) starts.push_back(starts.back() + count);
  return at::tensor(starts, at::kLong);
}

/// Central differences of loss() with respect to each element of `tensor`, which must be
/// contiguous.
inline at::Tensor finite_differences(const at::Tensor& tensor,
                                     const std::function<at::Tensor()>& loss) {
  const double step = 1e-6;
  at::Tensor result = at::empty_like(tensor);
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    at::Tensor element = tensor.view(-1)[i];
    const double value = element.item<double>();
    element.fill_(value + step);
    const double above = loss().item<double>();
    element.fill_(value - step);
    const double below = loss().item<double>();
    element.fill_(value);
    result.view(-1)[i] = (above - below) / (2 * step);
  }
  return result;
}

/// The same values behind other strides: every second row of a transposed, wider tensor.
inline at::Tensor strided(const at::Tensor& tensor) {
  std::vector<int64_t> sizes = tensor.sizes().vec();
  sizes[0] *= 2;
  std::reverse(sizes.begin(), sizes.end());
  std::vector<int64_t> order(sizes.size());
  for (size_t d = 0; d < order.size(); ++d) order[d] = static_cast<int64_t>(order.size() - 1 - d);
  at::Tensor view = at::zeros(sizes, tensor.options()).permute(order).slice(0, 0, INT64_MAX, 2);
  view.copy_(tensor);
  return view;
}

}  // namespace pointattn
