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

template <int kCount>
POINTATTN_INLINE void sort_in_registers(int64_t* keys) {
  constexpr int kVectors = kCount / kKeyLanes;
  Keys all[kVectors];
  for (int v = 0; v < kVectors; ++v) all[v] = load(keys + v * kKeyLanes);
  sort<int64_t, kVectors>(all);
  for (int v = 0; v < kVectors; ++v) store<int64_t>(keys + v * kKeyLanes, all[v]);
}

/// Puts the lesser of two vectors in front.
POINTATTN_INLINE void exchange(int64_t* front, int64_t* back, bool backwards) {
  const Keys a = load(front);
  Keys b = load(back);
  if (backwards) b = reversed(b);
  const Keys high = greatest(a, b);
  store<int64_t>(front, least(a, b));
  store<int64_t>(back, backwards ? reversed(high) : high);
}

/// How many places sort_keys() needs for so many keys.
POINTATTN_INLINE int64_t sortable(int64_t count) {
  int64_t places = 16;
  while (places < count) places *= 2;
  return places;
}

/// Rising order of keys [sortable(count)]; those from `count` on are overwritten.
inline void sort_keys(int64_t* keys, int64_t count) {
  const int64_t places = sortable(count);
  for (int64_t i = count; i < places; ++i) keys[i] = INT64_MAX;
  if (places == 16) return sort_in_registers<16>(keys);
  if (places == 32) return sort_in_registers<32>(keys);
  for (int64_t i = 0; i < places; i += 64) sort_in_registers<64>(keys + i);
  for (int64_t block = 128; block <= places; block *= 2) {
    for (int64_t begin = 0; begin < places; begin += block) {
      int64_t* const end = keys + begin + block;
      for (int64_t i = 0; i < block / 2; i += kKeyLanes)
        exchange(keys + begin + i, end - i - kKeyLanes, true);
    }
    for (int64_t stride = block / 4; stride >= 64; stride /= 2) {
      for (int64_t begin = 0; begin < places; begin += 2 * stride) {
        for (int64_t i = begin; i < begin + stride; i += kKeyLanes)
          exchange(keys + i, keys + i + stride, false);
      }
    }
    for (int64_t i = 0; i < places; i += 64) {
      constexpr int kVectors = 64 / kKeyLanes;
      Keys all[kVectors];
      for (int v = 0; v < kVectors; ++v) all[v] = load(keys + i + v * kKeyLanes);
      merge<int64_t, kVectors>(all);
      for (int v = 0; v < kVectors; ++v) store<int64_t>(keys + i + v * kKeyLanes, all[v]);
    }
  }
}

}  // namespace
}  // namespace pointattn::ops::search
