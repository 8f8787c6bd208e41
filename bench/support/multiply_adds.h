// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace pointattn::bench {

/// Multiply-adds of the matrix products, convolutions and attention that `work` runs on this
/// thread, by their formulas: attention of M queries and N keys counts M·N·(D + C) a head, offset
/// attention N²·(D + C). Searches, samplings, norms and activations are not counted.
int64_t multiply_adds_of(const std::function<void()>& work);

}  // namespace pointattn::bench
