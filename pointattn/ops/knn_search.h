// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/knn_best.h"
#include "pointattn/ops/knn_walk.h"
#include "pointattn/ops/point_kernels.h"

// Nearest neighbours, and how many lie within a distance.
namespace pointattn::ops::search {
namespace {

/// No k-th neighbour is farther than the way to another query and on to that one's k-th (a little
/// more, for rounding).
template <typename T>
POINTATTN_INLINE Bound<T> reach_by(const T* query, const T* other, T sq_reach) {
  const T sq_way = sq(query[0] - other[0]) + sq(query[1] - other[1]) + sq(query[2] - other[2]);
  T reach;
  if constexpr (sizeof(T) == 4) {
    reach = __builtin_sqrtf(sq_way) + __builtin_sqrtf(sq_reach);
  } else {
    reach = __builtin_sqrt(sq_way) + __builtin_sqrt(sq_reach);
  }
  return {sq(reach) * T(1.00001) + T(1e-36), kNoRow};
}

/// Finds the neighbours of queries [begin, end); false where they are too scattered.
template <typename T, typename Best>
POINTATTN_INLINE bool answer(const TreeView<T>& tree,
                             const Queries<T>& queries,
                             int64_t begin,
                             int64_t end,
                             T limit,
                             const NeighborRows<T>& out,
                             Best* best) {
  const Group<T> group(queries, begin, end);
  for (int i = 0; i < group.count; ++i) {
    const int64_t row = queries.row(begin + i);
    const int64_t place = out.begin(row);
    best[i].reset(out.size(row), limit);
    __builtin_prefetch(out.index + place, 1);
    __builtin_prefetch(out.index + place + 8, 1);
    __builtin_prefetch(out.sq_dist + place, 1);
  }
  const bool together = walk(
      tree, group, limit, [&](LeafList<T> & list, bool first) __attribute__((always_inline)) {
        Bound<T> worst{T(-1), 0};
        for (int i = 0; i < group.count; ++i) {
          const T* query = group.xyz[i];
          if (first && i > 0 && out.starts == nullptr) {
            best[i].expect(reach_by(query, group.xyz[i - 1], best[i - 1].worst().sq_dist));
          }
          const NearLeaves<T> near(list, query, best[i].worst().sq_dist);
          for (int j = 0; j < near.count; ++j) {
            if (near.sq_dist[j] > best[i].worst().sq_dist) continue;
            const int64_t leaf = near.leaf[j];
            best[i].scan(tree.leaves[leaf], tree.rows + leaf * kFan, query);
          }
          best[i].finish();
          if (worst < best[i].worst()) worst = best[i].worst();
        }
        return worst;
      });
  if (!together) return false;
  for (int i = 0; i < group.count; ++i) {
    const int64_t row = queries.row(begin + i);
    const int64_t place = out.begin(row);
    best[i].write(out.size(row), out.first_row, out.index + place, out.sq_dist + place);
  }
  return true;
}

template <typename T, typename Best>
void nearest_with(const TreeView<T>& tree,
                  const Queries<T>& queries,
                  int64_t group_size,
                  T limit,
                  const NeighborRows<T>& out) {
  Best best[16];
  for (int64_t begin = 0; begin < queries.count; begin += group_size) {
    const int64_t end = begin + group_size < queries.count ? begin + group_size : queries.count;
    if (answer(tree, queries, begin, end, limit, out, best)) continue;
    for (int64_t i = begin; i < end; ++i) answer(tree, queries, i, i + 1, limit, out, best);
  }
}

template <typename T>
void nearest(const TreeView<T>& tree,
             const Queries<T>& queries,
             T limit,
             const NeighborRows<T>& out) {
  int64_t k = out.k;
  if (out.starts != nullptr) {
    k = 0;
    for (int64_t i = 0; i < queries.count; ++i) {
      const int64_t size = out.size(queries.row(i));
      k = size > k ? size : k;
    }
  }
  if constexpr (sizeof(T) == 4) {
    if (out.starts != nullptr)
      return nearest_with<T, AllKeys>(tree, queries, k <= 512 ? 16 : 1, limit, out);
    if (k <= 16) return nearest_with<T, BestKeys<1>>(tree, queries, 16, limit, out);
    if (k <= 32) return nearest_with<T, BestKeys<2>>(tree, queries, 16, limit, out);
    if (k <= 64) return nearest_with<T, BestKeys<4>>(tree, queries, 16, limit, out);
    if (k <= 128) return nearest_with<T, BestKeys<8>>(tree, queries, 16, limit, out);
    if (k <= 256) return nearest_with<T, BestKeys<16>>(tree, queries, 16, limit, out);
  }
  // Sixteen long lists would not fit the caches.
  nearest_with<T, BestList<T>>(tree, queries, k <= 128 ? 16 : 1, limit, out);
}

template <typename T>
POINTATTN_INLINE bool count_group(const TreeView<T>& tree,
                                  const Queries<T>& queries,
                                  int64_t begin,
                                  int64_t end,
                                  T limit,
                                  int64_t* counts) {
  const Group<T> group(queries, begin, end);
  for (int64_t i = begin; i < end; ++i) counts[queries.row(i)] = 0;
  return walk(
      tree, group, limit, [&](LeafList<T> & list, bool) __attribute__((always_inline)) {
        for (int i = 0; i < group.count; ++i) {
          const NearLeaves<T> near(list, group.xyz[i], limit);
          int64_t within = 0;
          for (int j = 0; j < near.count; ++j) {
            const Sixteen<T> d = sq_dist_to_points(tree.leaves[near.leaf[j]], group.xyz[i]);
            within += __builtin_popcount(not_above(d, limit));
          }
          counts[queries.row(begin + i)] += within;
        }
        return Bound<T>{limit, kNoRow};
      });
}

template <typename T>
void count(const TreeView<T>& tree, const Queries<T>& queries, T limit, int64_t* counts) {
  for (int64_t begin = 0; begin < queries.count; begin += 16) {
    const int64_t end = begin + 16 < queries.count ? begin + 16 : queries.count;
    if (count_group(tree, queries, begin, end, limit, counts)) continue;
    for (int64_t i = begin; i < end; ++i) count_group(tree, queries, i, i + 1, limit, counts);
  }
}

}  // namespace
}  // namespace pointattn::ops::search
