// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace pointattn::ops {

/// Shapes, dtypes and devices of the ragged operators; each gives the row starts on the CPU and
/// throws c10::ValueError.
std::vector<int64_t> check_ragged_softmax(const at::Tensor& logits, const at::Tensor& offsets);
std::vector<int64_t> check_ragged_pool(const at::Tensor& weight,
                                       const at::Tensor& values,
                                       const at::Tensor& offsets);
std::vector<int64_t> check_ragged_expand(const at::Tensor& rows,
                                         const at::Tensor& matrices,
                                         const at::Tensor& offsets);

/// A long cloud is summed in stretches of this many rows, one a task, and their sums in order.
inline constexpr int64_t kStretch = 2048;

struct Stretch {
  int64_t cloud, begin, end;
};
/// The stretches of all clouds in order; an empty cloud has none.
std::vector<Stretch> stretches_of(const std::vector<int64_t>& starts);

}  // namespace pointattn::ops
