// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/point_simd.h"

// Sorting networks over integer keys held in vectors.
namespace pointattn::ops::search {
namespace {

template <typename V>
POINTATTN_INLINE V least(V a, V b) {
  return a < b ? a : b;
}
template <typename V>
POINTATTN_INLINE V greatest(V a, V b) {
  return a < b ? b : a;
}

/// One step of a bitonic network over the keys of kVectors vectors: each key meets the one kStride
/// places away; blocks of kBlock places rise and fall in turn, from a rising one.
template <typename T, int kVectors, int kBlock, int kStride>
POINTATTN_INLINE void step(Vector<T>* keys) {
  constexpr int kWidth = kLanes<T>;
  if constexpr (kStride >= kWidth) {
    constexpr int kApart = kStride / kWidth;
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      if (v & kApart) continue;
      const Vector<T> low = least(keys[v], keys[v + kApart]);
      const Vector<T> high = greatest(keys[v], keys[v + kApart]);
      const bool rises = (v * kWidth & kBlock) == 0;
      keys[v] = rises ? low : high;
      keys[v + kApart] = rises ? high : low;
    }
  } else {
    Vector<T> other{}, takes_low{};
#pragma GCC unroll 16
    for (int l = 0; l < kWidth; ++l) {
      other[l] = l ^ kStride;
      takes_low[l] = ((l & kStride) == 0) == ((l & kBlock) == 0) ? -1 : 0;
    }
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      const Vector<T> partner = __builtin_shuffle(keys[v], other);
      const bool rises = kBlock < kWidth || (v * kWidth & kBlock) == 0;
      const Vector<T> choose = rises ? takes_low : ~takes_low;
      keys[v] = choose ? least(keys[v], partner) : greatest(keys[v], partner);
    }
  }
}

template <typename T, int kVectors, int kBlock, int kStride>
POINTATTN_INLINE void merge_blocks(Vector<T>* keys) {
  step<T, kVectors, kBlock, kStride>(keys);
  if constexpr (kStride > 1) merge_blocks<T, kVectors, kBlock, kStride / 2>(keys);
}

/// Rising order.
template <typename T, int kVectors, int kBlock = 2>
POINTATTN_INLINE void sort(Vector<T>* keys) {
  merge_blocks<T, kVectors, kBlock, kBlock / 2>(keys);
  if constexpr (kBlock < kVectors * kLanes<T>) sort<T, kVectors, 2 * kBlock>(keys);
}

/// A bitonic sequence in rising order.
template <typename T, int kVectors>
POINTATTN_INLINE void merge(Vector<T>* keys) {
  constexpr int kAll = kVectors * kLanes<T>;
  merge_blocks<T, kVectors, kAll, kAll / 2>(keys);
}

using Keys = Vector<int64_t>;
constexpr int kKeyLanes = kLanes<int64_t>;

POINTATTN_INLINE Keys reversed(Keys keys) {
  Keys places{};
  for (int l = 0; l < kKeyLanes; ++l) places[l] = kKeyLanes - 1 - l;
  return __builtin_shuffle(keys, places);
}

}  // namespace
}  // namespace pointattn::ops::search
