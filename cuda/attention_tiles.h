// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace pointattn::cuda {

/// Rows that one block of an attention kernel handles.
template <typename T>
inline constexpr int64_t kAttentionTile = sizeof(T) == 4 ? 64 : 32;

/// A tile is four numbers: its first row and its end, at most kAttentionTile<T> later, then the
/// first row and the end of the cloud that its rows meet.
inline constexpr int64_t kTileNumbers = 4;

}  // namespace pointattn::cuda
