// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/key_sort.h"
#include "pointattn/ops/knn_best.h"
#include "pointattn/ops/point_kernels.h"
#include "pointattn/ops/point_simd.h"

// The way of a group of queries down the tree.
namespace pointattn::ops::search {
namespace {

/// Up to sixteen queries that are answered together, and their box.
template <typename T>
struct Group {
  T xyz[16][3];
  T low[3];
  T high[3];
  int count;

  POINTATTN_INLINE Group(const Queries<T>& queries, int64_t begin, int64_t end)
      : count(static_cast<int>(end - begin)) {
    for (int axis = 0; axis < 3; ++axis)
      low[axis] = high[axis] = queries.xyz[3 * queries.row(begin) + axis];
    for (int i = 0; i < count; ++i) {
      const T* point = queries.xyz + 3 * queries.row(begin + i);
      for (int axis = 0; axis < 3; ++axis) {
        const T x = xyz[i][axis] = point[axis];
        low[axis] = x < low[axis] ? x : low[axis];
        high[axis] = x > high[axis] ? x : high[axis];
      }
    }
  }
};

/// Squared distances between the box [low, high] and the sixteen boxes from place `at` of the
/// others. Rounding is monotone and the sum has the order of the points' own, so no two points of
/// the boxes have a smaller computed distance: pruning by it loses nothing.
template <typename T, int64_t kStride>
POINTATTN_INLINE Sixteen<T> sq_dist_between(const T* low,
                                            const T* high,
                                            const T (&lows)[3][kStride],
                                            const T (&highs)[3][kStride],
                                            int at) {
  Sixteen<T> result;
#pragma GCC unroll 8
  for (int p = 0; p < Sixteen<T>::kParts; ++p) {
    Vector<T> d[3];
#pragma GCC unroll 3
    for (int axis = 0; axis < 3; ++axis) {
      const Vector<T> under = load(lows[axis] + at + p * kLanes<T>) - high[axis];
      const Vector<T> over = low[axis] - load(highs[axis] + at + p * kLanes<T>);
      const Vector<T> outside = under > over ? under : over;
      d[axis] = outside > T(0) ? outside : Vector<T>{};
    }
    result.part[p] = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
  }
  return result;
}

/// Leaves that may hold neighbours of a group, with their boxes.
template <typename T>
struct LeafList {
  static constexpr int kSize = 128;
  alignas(64) T low[3][kSize];
  alignas(64) T high[3][kSize];
  alignas(64) int32_t leaf[kSize];
  int count = 0;

  bool full() const { return count > kSize - kFan; }

  /// Appends the children in `near` in the order first ^ 0, first ^ 1, …: from one child over its
  /// siblings to the far ones.
  POINTATTN_INLINE void append(const Fan<T>& fan, int64_t node, uint32_t near, int first) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) {
      const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
      const __m512i child = _mm512_xor_si512(lane, _mm512_set1_epi32(first));
      const __mmask16 chosen =
          _mm512_test_epi32_mask(_mm512_set1_epi32(static_cast<int32_t>(near)),
                                 _mm512_sllv_epi32(_mm512_set1_epi32(1), child));
      const __m512i taken = _mm512_maskz_compress_epi32(chosen, child);
      for (int axis = 0; axis < 3; ++axis) {
        _mm512_storeu_ps(low[axis] + count,
                         _mm512_permutexvar_ps(taken, _mm512_loadu_ps(fan.low[axis])));
        _mm512_storeu_ps(high[axis] + count,
                         _mm512_permutexvar_ps(taken, _mm512_loadu_ps(fan.high[axis])));
      }
      const __m512i base = _mm512_set1_epi32(static_cast<int32_t>(node * kFan));
      _mm512_storeu_si512(leaf + count, _mm512_add_epi32(taken, base));
      count += __builtin_popcount(near);
      return;
    }
#endif
    for (int i = 0; i < kFan; ++i) {
      const int child = i ^ first;
      if ((near >> child & 1) == 0) continue;
      for (int axis = 0; axis < 3; ++axis) {
        low[axis][count] = fan.low[axis][child];
        high[axis][count] = fan.high[axis][child];
      }
      leaf[count++] = static_cast<int32_t>(node * kFan) + child;
    }
  }
};

/// The leaves of a list that are no further from one query than `worst`.
template <typename T>
struct NearLeaves {
  int32_t leaf[LeafList<T>::kSize + 16];
  T sq_dist[LeafList<T>::kSize + 16];
  int count = 0;

  POINTATTN_INLINE NearLeaves(const LeafList<T>& list, const T* query, T worst) {
    for (int i = 0; i < list.count; i += 16) {
      const Sixteen<T> d = sq_dist_between(query, query, list.low, list.high, i);
      const uint32_t listed = list.count - i < 16 ? (1U << (list.count - i)) - 1 : 0xFFFF;
      append(not_above(d, worst) & listed, d, list.leaf + i, sq_dist, leaf, count);
    }
  }
};

/// Children of a node on the way down that may hold neighbours, nearest first.
template <typename T>
struct Visit {
  alignas(64) T sq_dist[kFan];      ///< of all children
  alignas(64) int32_t order[kFan];  ///< the low four bits are the child
  int64_t node;
  int next;
  int count;

  POINTATTN_INLINE void open(int64_t opened, const Sixteen<T>& d, uint32_t near) {
    node = opened;
    next = 0;
    count = __builtin_popcount(near);
    store(sq_dist, d);
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) {
      const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
      const __m512i bits = _mm512_castps_si512((__m512)d.part[0]);
      const __m512i keys = _mm512_or_si512(_mm512_andnot_si512(_mm512_set1_epi32(15), bits), lane);
      auto sorted = (Vector<int32_t>)_mm512_mask_mov_epi32(
          _mm512_set1_epi32(INT32_MAX), static_cast<__mmask16>(near), keys);
      if (count > 1) sort<int32_t, 1>(&sorted);
      store<int32_t>(order, sorted);
      if (count == 1) order[0] = __builtin_ctz(near);
      return;
    }
#endif
    int placed = 0;
    for (; near != 0; near &= near - 1) {
      const int child = __builtin_ctz(near);
      const float key = static_cast<float>(sq_dist[child]);
      int32_t bits;
      __builtin_memcpy(&bits, &key, sizeof(bits));
      bits = (bits & ~15) | child;
      int place = placed++;
      for (; place > 0 && bits < order[place - 1]; --place) order[place] = order[place - 1];
      order[place] = bits;
    }
  }

  POINTATTN_INLINE int child() const { return order[next] & (kFan - 1); }
};

template <typename T>
POINTATTN_INLINE T sq(T x) {
  return x * x;
}

/// Whether a group is too scattered to be answered together: wider than four times the leaf at it.
template <typename T>
POINTATTN_INLINE bool scattered(const Group<T>& group, const Fan<T>& fan, int leaf) {
  T width = 0;
  T leaf_width = 0;
  for (int axis = 0; axis < 3; ++axis) {
    width += sq(group.high[axis] - group.low[axis]);
    leaf_width += sq(fan.high[axis][leaf] - fan.low[axis][leaf]);
  }
  return width > 16 * leaf_width;
}

/// Walks down the tree to the leaves that may hold neighbours of a group, nearest child first, and
/// hands them to `look` a list at a time: the first list as soon as there is a leaf, so that the
/// bound that `look` returns is soon a close one. Returns false, without a call, where the queries
/// had better be answered one by one.
template <typename T, typename Look>
POINTATTN_INLINE bool walk(const TreeView<T>& tree, const Group<T>& group, T limit, Look look) {
  Visit<T> visits[8];
  LeafList<T> list;
  Bound<T> worst{limit, kNoRow};
  bool first = true;
  int level = tree.levels.count - 1;
  for (int64_t node = 0;;) {
    const Fan<T>& fan = tree.levels.fans[level][node];
    const Sixteen<T> d = sq_dist_between(group.low, group.high, fan.low, fan.high, 0);
    uint32_t near = below(d, worst.sq_dist);
    for (uint32_t ties = not_above(d, worst.sq_dist) ^ near; ties != 0; ties &= ties - 1) {
      const int child = __builtin_ctz(ties);
      near |= static_cast<uint32_t>(fan.first_row[child] < worst.row) << child;
    }
    if (level > 0) {
      visits[level].open(node, d, near);
    } else {
      int nearest = 0;
      if (first && near != 0) {
        Visit<T> sorted;
        sorted.open(node, d, near);
        nearest = sorted.child();
        if (group.count > 1 && scattered(group, fan, nearest)) return false;
      }
      list.append(fan, node, near, nearest);
      if ((first && near != 0) || list.full()) {
        worst = look(list, first);
        list.count = 0;
        first = false;
      }
      ++level;
    }
    while (true) {  // to the next child in reach
      if (level == tree.levels.count) {
        if (list.count > 0) look(list, first);
        return true;
      }
      Visit<T>& visit = visits[level];
      if (visit.next == visit.count) {
        ++level;
        continue;
      }
      const int child = visit.child();
      ++visit.next;
      if (!(Bound<T>{visit.sq_dist[child], tree.levels.fans[level][visit.node].first_row[child]} <
            worst))
        continue;
      node = visit.node * kFan + child;
      --level;
      break;
    }
  }
}

}  // namespace
}  // namespace pointattn::ops::search
