// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace pointattn::ops {

/// The tiles of all clouds of `rows` (see cuda/attention_tiles.h), `side` rows each, that meet the
/// clouds of `columns`: [tiles,4] int64 on the device of `like`.
at::Tensor cuda_tiles(const std::vector<int64_t>& rows,
                      const std::vector<int64_t>& columns,
                      int64_t side,
                      const at::Tensor& like);

}  // namespace pointattn::ops
