// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/box_tree.h"
#include "pointattn/ops/point_kernels.h"

#include <cstdint>
#include <vector>

namespace pointattn::ops {

/// k-d tree over one cloud of finite points: leaves of 16 points in the order of kd_order(), above
/// them nodes of 16 children whose boxes are measured together. Build O(N log N), a query about
/// O(log N + K), memory O(N). This file knows nothing of LibTorch.
template <typename T>
class KdTree {
 public:
  static constexpr int64_t kMaxPoints = search::kNoRow - search::kBucket;

  KdTree() = default;
  /// points [n,3], n ≤ kMaxPoints; on up to `threads` threads.
  KdTree(const T* points, int64_t n, int threads = 1);

  /// See search::Kernels; `with` is one instruction set's. Fastest where consecutive queries lie near
  /// one another, as in the order rows().
  void nearest(const search::Queries<T>& queries,
               T limit,
               const search::NeighborRows<T>& out,
               const search::Kernels<T>& with = search::kernels<T>()) const;
  /// Any limit, infinity too.
  void count(const search::Queries<T>& queries,
             T limit,
             int64_t* counts,
             const search::Kernels<T>& with = search::kernels<T>()) const;

  int64_t size() const { return size_; }
  /// Rows of the points in the tree's order [size].
  const int32_t* rows() const { return rows_.data(); }

 private:
  search::TreeView<T> view() const { return {leaves_.data(), rows_.data(), boxes_.levels()}; }

  int64_t size_ = 0;
  std::vector<search::Leaf<T>> leaves_;
  std::vector<int32_t> rows_;  ///< padded to whole leaves
  BoxTree<T> boxes_;
};

}  // namespace pointattn::ops
