// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace pointattn::nn {

/// Mean and sum of squared differences of many rows, tile after tile (Chan, Golub and LeVeque 1979).
class RowMoments {
 public:
  explicit RowMoments(int64_t channels)
      : mean_(static_cast<size_t>(channels)), squares_(static_cast<size_t>(channels)) {}

  template <typename T>
  void add(int64_t n, const T* mean, const T* squares) {
    const auto before = static_cast<double>(n_);
    const auto more = static_cast<double>(n);
    n_ += n;
    const auto all = static_cast<double>(n_);
    for (size_t c = 0; c < mean_.size(); ++c) {
      const double step = static_cast<double>(mean[c]) - mean_[c];
      mean_[c] += step * more / all;
      squares_[c] += static_cast<double>(squares[c]) + step * step * before * more / all;
    }
  }
  void add(const RowMoments& other) { add(other.n_, other.mean_.data(), other.squares_.data()); }

  /// Mean and biased variance, [C] each.
  std::pair<at::Tensor, at::Tensor> statistics(at::ScalarType dtype) const {
    const at::Tensor mean = at::tensor(at::ArrayRef<double>(mean_), at::kDouble);
    const at::Tensor squares = at::tensor(at::ArrayRef<double>(squares_), at::kDouble);
    return {mean.to(dtype), squares.div(static_cast<double>(n_)).to(dtype)};
  }

 private:
  int64_t n_ = 0;
  std::vector<double> mean_, squares_;
};

/// Those of all the parts; one at least.
inline RowMoments joined(const std::vector<RowMoments>& parts) {
  RowMoments all = parts.front();
  for (size_t s = 1; s < parts.size(); ++s) all.add(parts[s]);
  return all;
}

}  // namespace pointattn::nn
