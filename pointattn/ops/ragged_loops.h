// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// Inner loops of the ragged operators on one thread, compiled for several instruction sets that
/// agree bit for bit; no LibTorch.
namespace pointattn::ops {

/// sums [R,C] = Σ_n weight_nᵀ values_n over `count` rows; both row-major. T is float or double.
template <typename T>
void pool_rows(const T* weight, const T* values, T* sums, int64_t count, int64_t r, int64_t c);

/// out [count,D] = rows [count,K] · matrix [K,D].
template <typename T>
void expand_rows(const T* rows, const T* matrix, T* out, int64_t count, int64_t k, int64_t d);

}  // namespace pointattn::ops
