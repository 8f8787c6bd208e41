// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/key_sort.h"
#include "pointattn/ops/knn_walk.h"
#include "pointattn/ops/point_kernels.h"
#include "pointattn/ops/point_simd.h"

// Farthest point sampling down a tree of boxes.
namespace pointattn::ops::search {
namespace {

template <typename T, int kStride>
POINTATTN_INLINE Vector<T> greatest_pairs(Vector<T> v) {
  decltype(v < v) other{};
  for (int l = 0; l < kLanes<T>; ++l) other[l] = l ^ kStride;
  v = greatest(v, __builtin_shuffle(v, other));
  if constexpr (kStride > 1) v = greatest_pairs<T, kStride / 2>(v);
  return v;
}

template <typename T>
POINTATTN_INLINE T greatest_of(const Sixteen<T>& values) {
  Vector<T> v = values.part[0];
#pragma GCC unroll 8
  for (int p = 1; p < Sixteen<T>::kParts; ++p) v = greatest(v, values.part[p]);
  return greatest_pairs<T, kLanes<T> / 2>(v)[0];
}

/// A distance and the place of the first row that has it.
template <typename T>
struct Peak {
  T sq_dist;
  int32_t place;
};

/// Takes the point at `taken` into the distances below one node. Children that are nowhere farther
/// from the points taken before than from the new one keep theirs.
template <typename T>
class TakePoint {
 public:
  POINTATTN_INLINE TakePoint(const Sampling<T>& sampling, int64_t taken, bool first)
      : s_(sampling),
        first_(first),
        taken_(taken),
        point_{sampling.xyz[0][taken], sampling.xyz[1][taken], sampling.xyz[2][taken]} {}

  Peak<T> below_node(int level, int64_t node) {
    const Fan<T>& fan = s_.levels.fans[level][node];
    Farthest<T>& farthest = s_.farthest[level][node];
    const Sixteen<T> reach = sq_dist_between(point_, point_, fan.low, fan.high, 0);
    // Everything is infinitely far until the first point is taken, which must reach it all.
    uint32_t near = first_ ? below(load_sixteen(farthest.sq_dist), T(0)) ^ 0xFFFF
                           : below(reach, load_sixteen(farthest.sq_dist));
    // The bucket of the new point loses it in any case.
    const int64_t own = taken_ / kBucket >> 4 * level;
    if (own >> 4 == node) near |= 1U << (own & 15);
    for (; near != 0; near &= near - 1) {
      const int c = __builtin_ctz(near);
      const Peak<T> peak =
          level == 0 ? in_bucket(node * kFan + c) : below_node(level - 1, node * kFan + c);
      farthest.sq_dist[c] = peak.sq_dist;
      farthest.place[c] = peak.place;
    }
    const Sixteen<T> all = load_sixteen(farthest.sq_dist);
    Peak<T> peak{greatest_of(all), -1};
    first_row(~below(all, peak.sq_dist) & 0xFFFF, farthest.place, peak);
    return peak;
  }

 private:
  POINTATTN_INLINE Peak<T> in_bucket(int64_t bucket) {
    const int64_t begin = bucket * kBucket;
    Sixteen<T> least[kBucket / 16];
    Sixteen<T> largest;
#pragma GCC unroll 4
    for (int i = 0; i < kBucket / 16; ++i) {
#pragma GCC unroll 8
      for (int p = 0; p < Sixteen<T>::kParts; ++p) {
        const int64_t at = begin + 16 * i + p * kLanes<T>;
        const Vector<T> x = load(s_.xyz[0] + at) - point_[0];
        const Vector<T> y = load(s_.xyz[1] + at) - point_[1];
        const Vector<T> z = load(s_.xyz[2] + at) - point_[2];
        const Vector<T> d = x * x + y * y + z * z;
        const Vector<T> before = load(s_.sq_dist + at);
        const Vector<T> now = d < before ? d : before;
        store<T>(s_.sq_dist + at, now);
        least[i].part[p] = now;
        largest.part[p] = i == 0 ? now : greatest(largest.part[p], now);
      }
    }
    Peak<T> peak{greatest_of(largest), -1};
#pragma GCC unroll 4
    for (int i = 0; i < kBucket / 16; ++i) {
      for (uint32_t at = ~below(least[i], peak.sq_dist) & 0xFFFF; at != 0; at &= at - 1)
        consider(static_cast<int32_t>(begin) + 16 * i + __builtin_ctz(at), peak);
    }
    return peak;
  }

  POINTATTN_INLINE void first_row(uint32_t mask, const int32_t* places, Peak<T>& peak) {
    for (; mask != 0; mask &= mask - 1) consider(places[__builtin_ctz(mask)], peak);
  }
  POINTATTN_INLINE void consider(int32_t place, Peak<T>& peak) {
    if (peak.place < 0 || (place >= 0 && s_.rows[place] < s_.rows[peak.place])) peak.place = place;
  }

  const Sampling<T>& s_;
  bool first_;
  int64_t taken_;
  T point_[3];
};

template <typename T>
void farthest(const Sampling<T>& sampling, int64_t first, int64_t count, int64_t* places) {
  for (int64_t i = 0;; ++i) {
    places[i] = first;
    sampling.sq_dist[first] = kTaken<T>;
    if (i + 1 == count) return;
    first = TakePoint<T>(sampling, first, i == 0).below_node(sampling.levels.count - 1, 0).place;
  }
}

}  // namespace
}  // namespace pointattn::ops::search
