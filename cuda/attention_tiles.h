// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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

struct AttentionTiles {
  const int64_t* data;  ///< [count,4] on the device
  int64_t count;
  int64_t most_columns;  ///< of the largest cloud that rows meet
};

/// Gives that many bytes of the current device, aligned to 16 at least, which stay until the work that
/// the launcher puts into its stream is done.
using Scratch = std::function<void*(std::size_t bytes)>;

}  // namespace pointattn::cuda
