// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

namespace pointattn::cuda {

/// Rows that one block of an attention kernel handles.
template <typename T>
inline constexpr int64_t kAttentionTile = sizeof(T) <= 4 ? 64 : 32;

/// The type of what is kept of a row: sums and maxima of a narrow type are float.
template <typename T>
using Statistic = std::conditional_t<sizeof(T) == 8, double, float>;

/// A tile is four numbers: its first row and its end, at most kAttentionTile<T> later, then the
/// first row and the end of the cloud that its rows meet.
inline constexpr int64_t kTileNumbers = 4;

}  // namespace pointattn::cuda
