// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/farthest_point_sample_buckets.h"

#include "pointattn/ops/box_tree.h"
#include "pointattn/ops/kd_order.h"
#include "pointattn/ops/point_kernels.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace pointattn::ops {

template <typename T>
void farthest_points(const T* points,
                     int64_t n,
                     int64_t count,
                     int64_t first_row,
                     int threads,
                     int64_t* taken,
                     const search::Kernels<T>& with) {
  using search::kBucket;
  if (count == 0) return;
  const std::vector<PlacedPoint<T>> placed = kd_order(points, n, kBucket, threads);
  const BoxTree<T> boxes(placed, kBucket, threads);
  const size_t padded = static_cast<size_t>((n + kBucket - 1) / kBucket * kBucket);
  std::vector<T> coordinates[3];
  std::vector<int32_t> rows(padded, search::kNoRow);
  for (auto& axis : coordinates) axis.resize(padded);
  int64_t first = 0;
  for (size_t place = 0; place < placed.size(); ++place) {
    for (size_t axis = 0; axis < 3; ++axis) coordinates[axis][place] = placed[place].xyz[axis];
    rows[place] = placed[place].row;
    if (rows[place] == 0) first = static_cast<int64_t>(place);
  }
  std::vector<T> sq_dist(padded, std::numeric_limits<T>::infinity());
  std::fill(sq_dist.begin() + n, sq_dist.end(), search::kTaken<T>);

  search::Sampling<T> sampling{
      boxes.levels(),
      {},
      {coordinates[0].data(), coordinates[1].data(), coordinates[2].data()},
      rows.data(),
      sq_dist.data()};
  std::vector<search::Farthest<T>> farthest[8];
  int64_t nodes = (n + kBucket - 1) / kBucket;
  for (int level = 0; level < sampling.levels.count; ++level) {
    const int64_t children = nodes;
    nodes = (nodes + search::kFan - 1) / search::kFan;
    farthest[level].resize(static_cast<size_t>(nodes));
    for (int64_t child = 0; child < nodes * search::kFan; ++child) {
      // Everything is infinitely far before the first point is taken.
      search::Farthest<T>& node = farthest[level][static_cast<size_t>(child / search::kFan)];
      node.sq_dist[child % search::kFan] =
          child < children ? std::numeric_limits<T>::infinity() : search::kTaken<T>;
      node.place[child % search::kFan] = -1;
    }
    sampling.farthest[level] = farthest[level].data();
  }
  with.farthest(sampling, first, count, taken);
  for (int64_t i = 0; i < count; ++i) taken[i] = rows[static_cast<size_t>(taken[i])] + first_row;
}

template void farthest_points(
    const float*, int64_t, int64_t, int64_t, int, int64_t*, const search::Kernels<float>&);
template void farthest_points(
    const double*, int64_t, int64_t, int64_t, int, int64_t*, const search::Kernels<double>&);

}  // namespace pointattn::ops
