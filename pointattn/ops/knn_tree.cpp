// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/knn_tree.h"

#include "pointattn/ops/kd_order.h"

#include <algorithm>
#include <limits>

namespace pointattn::ops {

using search::kFan;

template <typename T>
KdTree<T>::KdTree(const T* points, int64_t n, int threads) : size_(n) {
  const std::vector<PlacedPoint<T>> placed = kd_order(points, n, kFan, threads);
  boxes_ = BoxTree<T>(placed, kFan, threads);
  const int64_t leaves = (n + kFan - 1) / kFan;
  search::Leaf<T> padding;
  for (auto& coordinates : padding.xyz)
    std::fill_n(coordinates, kFan, std::numeric_limits<T>::infinity());
  leaves_.assign(static_cast<size_t>(leaves), padding);
  rows_.assign(static_cast<size_t>(leaves * kFan), search::kNoRow);
  for (int64_t place = 0; place < n; ++place) {
    const PlacedPoint<T>& point = placed[static_cast<size_t>(place)];
    rows_[static_cast<size_t>(place)] = point.row;
    search::Leaf<T>& leaf = leaves_[static_cast<size_t>(place / kFan)];
    for (int axis = 0; axis < 3; ++axis) leaf.xyz[axis][place % kFan] = point.xyz[axis];
  }
}

template <typename T>
void KdTree<T>::nearest(const search::Queries<T>& queries,
                        T limit,
                        const search::NeighborRows<T>& out,
                        const search::Kernels<T>& with) const {
  if (size_ > 0) return with.nearest(view(), queries, limit, out);
  for (int64_t i = 0; i < queries.count; ++i) {
    const int64_t row = queries.row(i);
    std::fill_n(out.index + out.begin(row), out.size(row), int64_t{-1});
    std::fill_n(out.sq_dist + out.begin(row), out.size(row), std::numeric_limits<T>::infinity());
  }
}

template <typename T>
void KdTree<T>::count(const search::Queries<T>& queries,
                      T limit,
                      int64_t* counts,
                      const search::Kernels<T>& with) const {
  const bool all = limit == std::numeric_limits<T>::infinity();
  if (size_ > 0 && !all) return with.count(view(), queries, limit, counts);
  for (int64_t i = 0; i < queries.count; ++i) counts[queries.row(i)] = size_;
}

template class KdTree<float>;
template class KdTree<double>;

}  // namespace pointattn::ops
