// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace pointattn::ops {

/// Appends to `taken` the columns j < n (n ≤ 2^31) of which base[j] − 2 product[j] ≤ limit, and
/// returns how many; `taken` has room for n. Knows nothing of LibTorch.
template <typename T>
int64_t columns_within(const T* product, const T* base, int64_t n, T limit, int32_t* taken);

/// sq_dist[i] = Σ (query − points[rows[i]])² over `dims`, summed in float64 in an order that is the
/// same on every machine, rounded to T.
template <typename T>
void exact_sq_dist(
    const T* query, const T* points, int64_t dims, const int32_t* rows, int64_t count, T* sq_dist);

}  // namespace pointattn::ops
