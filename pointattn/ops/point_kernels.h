// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The inner loops of neighbour search and farthest point sampling on a CPU. One source is compiled once an instruction set
/// (point_kernels_*.cpp) and the best table is chosen at run time. All give the same bits: distances
/// are (x² + y²) + z² of the rounded differences, each operation rounded on its own, and the order
/// by (distance, row) has no ties.
namespace pointattn::ops::search {

inline constexpr int64_t kFan = 16;  ///< points of a leaf, children of a node
/// Row of padding; its coordinates are infinite.
inline constexpr int32_t kNoRow = INT32_MAX;

template <typename T>
struct Leaf {
  T xyz[3][kFan];
};

/// The boxes of a node's children. Those that do not exist are infinitely far.
template <typename T>
struct Fan {
  T low[3][kFan];
  T high[3][kFan];
  int32_t first_row[kFan];  ///< lowest row in the child
};

/// Child c of node f on a level is node 16 f + c of the level below, or a leaf.
template <typename T>
struct Levels {
  const Fan<T>* fans[8];  ///< lowest level first; the highest has one node
  int count;
};

/// A tree over at least one point.
template <typename T>
struct TreeView {
  const Leaf<T>* leaves;
  const int32_t* rows;  ///< of the points, leaf by leaf
  Levels<T> levels;
};

/// Rows order[0], order[1], … of xyz [·,3]; 0, 1, … without an order. Consecutive queries are
/// answered together where they lie near one another.
template <typename T>
struct Queries {
  const T* xyz;
  const int32_t* order;
  int64_t count;

  int64_t row(int64_t i) const { return order != nullptr ? order[i] : i; }
};

/// Where the neighbours of query row q go: the k places from k q on or, with `starts`, the places
/// from starts[q] to starts[q + 1], as many as there are within the limit.
template <typename T>
struct NeighborRows {
  int64_t* index;     ///< row in the cloud + first_row, or −1
  T* sq_dist;         ///< +infinity where index is −1
  int64_t first_row;  ///< row of the cloud's first point in its batch
  int64_t k;
  const int64_t* starts = nullptr;

  int64_t begin(int64_t q) const { return starts != nullptr ? starts[q] : q * k; }
  int64_t size(int64_t q) const { return starts != nullptr ? starts[q + 1] - starts[q] : k; }
};

inline constexpr int64_t kBucket = 64;  ///< points of a leaf of farthest point sampling

/// What is known of a node's children: the largest distance of one of its points to the points
/// taken so far, and the first row that has it.
template <typename T>
struct Farthest {
  T sq_dist[kFan];
  int32_t place[kFan];  ///< of that row in the order of the tree
};

/// Farthest point sampling of one cloud under way, in buckets of kBucket points.
template <typename T>
struct Sampling {
  Levels<T> levels;
  Farthest<T>* farthest[8];  ///< of the same nodes
  const T* xyz[3];           ///< coordinates in the order of the tree
  const int32_t* rows;
  T* sq_dist;  ///< of each place to the points taken so far; kTaken where it is one, or padding
};
template <typename T>
inline constexpr T kTaken = T(-1);

template <typename T>
struct Kernels {
  /// The nearest points of each query no further than the squared distance `limit`, by (distance,
  /// row); places that stay empty are padded.
  void (*nearest)(const TreeView<T>& tree,
                  const Queries<T>& queries,
                  T limit,
                  const NeighborRows<T>& out);

  /// counts[q] = points no further from query row q than the squared distance `limit` < infinity.
  void (*count)(const TreeView<T>& tree, const Queries<T>& queries, T limit, int64_t* counts);

  /// Takes `count` ≥ 1 points, the first from place `first`, and writes their places.
  void (*farthest)(const Sampling<T>& sampling, int64_t first, int64_t count, int64_t* places);
};

/// The table for instruction_set().
template <typename T>
const Kernels<T>& kernels();

template <typename T>
const Kernels<T>& baseline_kernels();
#if defined(__x86_64__)
template <typename T>
const Kernels<T>& avx2_kernels();
template <typename T>
const Kernels<T>& avx512_kernels();
#endif

}  // namespace pointattn::ops::search
