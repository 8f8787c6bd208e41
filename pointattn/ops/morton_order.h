// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace pointattn::ops {

/// Rows of finite points [n,3] along a Morton curve of 1024³ cells over their box: consecutive ones
/// lie near one another. Equal cells by row. O(n).
template <typename T>
std::vector<int32_t> morton_order(const T* points, int64_t n);

}  // namespace pointattn::ops
