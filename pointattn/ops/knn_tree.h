// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace pointattn::ops {

/// Where the neighbours of consecutive queries go: K places a query.
template <typename T>
struct NeighborRows {
  int64_t* index;     ///< row in the cloud + first_row, or −1
  T* sq_dist;         ///< +infinity where index is −1
  int64_t first_row;  ///< row of the cloud's first point in its batch
};

/// k-d tree over one cloud of finite points. Leaves are buckets of `leaf_size` points (a cloud of
/// at most that many is one bucket, which makes the search a brute-force scan). A node is split at
/// the median position of its widest axis, points ordered by (coordinate, row): so the depth is
/// logarithmic and the tree is the same whatever the points are, duplicates included. Build O(N log
/// N), a query about O(log N + K), memory O(N). This file knows nothing of LibTorch.
template <typename T>
class KdTree {
 public:
  /// Points are looked at in blocks of so many; leaf sizes are rounded up to it and the last block
  /// is padded. The search was fastest with leaves of 16 or 32 points for every N from 128 on
  /// (K = 3 and 16), so even a small cloud is no single bucket.
  static constexpr int64_t kBlock = 32;
  /// Row of the padding behind the last point; its coordinates are infinite.
  static constexpr int32_t kNoRow = std::numeric_limits<int32_t>::max();
  static constexpr int64_t kMaxPoints = kNoRow - kBlock;

  struct Node {
    T low[3];
    T high[3];
    int64_t begin;  ///< places of its points in xyz() and rows()
    int64_t end;
    int32_t first_row;  ///< lowest row of its points
    int32_t right;      ///< the other child (the left one follows its parent), 0 in a leaf

    bool leaf() const { return right == 0; }
  };

  KdTree() = default;
  /// points [n,3], n ≤ kMaxPoints.
  KdTree(const T* points, int64_t n, int64_t leaf_size = kBlock);

  /// The min(k, n) nearest points of each of `count` queries [count,3] that are no further than the
  /// squared distance `limit`, ordered by (distance, row); the remaining places up to k are padded.
  void nearest(
      const T* queries, int64_t count, T limit, int64_t k, const NeighborRows<T>& out) const;

  int64_t size() const { return size_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  /// Coordinate `axis` of the points in the tree's order, padded to whole blocks; rows rise within
  /// a leaf.
  const T* coordinate(int axis) const { return coordinates_[axis].data(); }
  const std::vector<int32_t>& rows() const { return rows_; }

 private:
  struct Item {
    T xyz[3];
    int32_t row;
  };
  void build(Item* items, int64_t begin, int64_t end, int64_t leaf_size);
  static Node bounds(const Item* items, int64_t begin, int64_t end);

  int64_t size_ = 0;
  std::vector<Node> nodes_;
  std::vector<T> coordinates_[3];
  std::vector<int32_t> rows_;
};

}  // namespace pointattn::ops
