// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/farthest_point_sample_buckets.h"

#include "pointattn/ops/cpu_dispatch.h"
#include "pointattn/ops/knn_tree.h"

#include <algorithm>
#include <bit>
#include <type_traits>

namespace pointattn::ops {
namespace {

constexpr int64_t kBucket = 128;

/// Distances are ≥ +0 and the mark of taken points is negative, so both order as the integers of
/// their bits do; a maximum of integers is vectorised without the licence of -ffast-math.
template <typename T>
using Bits = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

/// In place of the distance of a point that is taken, so that it is never taken again.
template <typename T>
inline constexpr T kTaken = T(-1);

template <typename T>
struct Sampling {
  explicit Sampling(const T* points, int64_t n) : tree(points, n, kBucket) {
    for (const auto& node : tree.nodes()) {
      if (!node.leaf()) continue;
      for (int axis = 0; axis < 3; ++axis) {
        low[axis].push_back(node.low[axis]);
        high[axis].push_back(node.high[axis]);
      }
    }
    const size_t buckets = low[0].size();
    sq_dist.assign(tree.rows().size(), std::numeric_limits<T>::infinity());
    std::fill(sq_dist.begin() + n, sq_dist.end(), kTaken<T>);
    farthest.assign(buckets, std::numeric_limits<T>::infinity());
    place.assign(buckets, -1);
    reach.resize(buckets);
  }

  int64_t begin(int64_t bucket) const { return bucket * kBucket; }
  int64_t end(int64_t bucket) const {
    return std::min<int64_t>(begin(bucket) + kBucket, static_cast<int64_t>(sq_dist.size()));
  }

  KdTree<T> tree;
  std::vector<T> low[3], high[3];  ///< boxes of the buckets
  std::vector<T> sq_dist;          ///< of each place in the tree to the nearest point taken
  std::vector<T> farthest;         ///< largest sq_dist of each bucket
  std::vector<int64_t> place;  ///< first place in the bucket that has it, −1 until it is asked for
  std::vector<T> reach;        ///< squared distance of the newest point to each box
};

template <typename T>
struct FarthestKernel {
  [[gnu::always_inline]] static inline void measure_boxes(Sampling<T>& s, const T* point) {
    const size_t buckets = s.reach.size();
    T* reach = s.reach.data();
    for (int axis = 0; axis < 3; ++axis) {
      const T* low = s.low[axis].data();
      const T* high = s.high[axis].data();
      const T p = point[axis];
      for (size_t i = 0; i < buckets; ++i) {
        const T below = low[i] - p;
        const T above = p - high[i];
        const T outside = below > above ? below : above;
        const T d = outside > 0 ? outside : T(0);
        reach[i] = axis == 0 ? d * d : reach[i] + d * d;
      }
    }
  }

  /// Takes the new point into the distances of one bucket.
  [[gnu::always_inline]] static inline void update_bucket(Sampling<T>& s,
                                                          int64_t bucket,
                                                          const T* point) {
    const int64_t begin = s.begin(bucket);
    const int64_t size = s.end(bucket) - begin;
    const T* x = s.tree.coordinate(0) + begin;
    const T* y = s.tree.coordinate(1) + begin;
    const T* z = s.tree.coordinate(2) + begin;
    T* sq_dist = s.sq_dist.data() + begin;
    const T px = point[0], py = point[1], pz = point[2];
    Bits<T> largest = std::bit_cast<Bits<T>>(kTaken<T>);
    for (int64_t i = 0; i < size; ++i) {
      const T dx = x[i] - px;
      const T dy = y[i] - py;
      const T dz = z[i] - pz;
      const T d = dx * dx + dy * dy + dz * dz;
      const T least = d < sq_dist[i] ? d : sq_dist[i];
      sq_dist[i] = least;
      const Bits<T> bits = std::bit_cast<Bits<T>>(least);
      largest = largest > bits ? largest : bits;
    }
    s.farthest[static_cast<size_t>(bucket)] = std::bit_cast<T>(largest);
    s.place[static_cast<size_t>(bucket)] = -1;
  }

  /// Place of the farthest point, the lowest row among equals (rows rise within a bucket).
  static int64_t farthest_place(Sampling<T>& s) {
    const T largest = *std::max_element(s.farthest.begin(), s.farthest.end());
    int64_t best = -1;
    for (size_t bucket = 0; bucket < s.farthest.size(); ++bucket) {
      if (s.farthest[bucket] != largest) continue;
      if (s.place[bucket] < 0) {
        const auto first = s.sq_dist.begin() + s.begin(static_cast<int64_t>(bucket));
        s.place[bucket] = std::find(first, s.sq_dist.end(), largest) - s.sq_dist.begin();
      }
      const auto& rows = s.tree.rows();
      const int64_t place = s.place[bucket];
      if (best < 0 || rows[static_cast<size_t>(place)] < rows[static_cast<size_t>(best)])
        best = place;
    }
    return best;
  }

  [[gnu::always_inline]] static inline void run(Sampling<T>* sampling,
                                                int64_t count,
                                                int64_t first_row,
                                                int64_t* taken) {
    Sampling<T>& s = *sampling;
    const int64_t buckets = static_cast<int64_t>(s.reach.size());
    for (int64_t i = 0; i < count; ++i) {
      const int64_t place = farthest_place(s);
      const size_t at = static_cast<size_t>(place);
      taken[i] = s.tree.rows()[at] + first_row;
      s.sq_dist[at] = kTaken<T>;
      const T point[3] = {
          s.tree.coordinate(0)[place], s.tree.coordinate(1)[place], s.tree.coordinate(2)[place]};
      measure_boxes(s, point);
      const int64_t own = place / kBucket;
      for (int64_t bucket = 0; bucket < buckets; ++bucket) {
        const size_t b = static_cast<size_t>(bucket);
        if (s.reach[b] < s.farthest[b] || bucket == own) update_bucket(s, bucket, point);
      }
    }
  }
};

}  // namespace

template <typename T>
void farthest_points(const T* points, int64_t n, int64_t count, int64_t first_row, int64_t* taken) {
  if (count == 0) return;
  Sampling<T> sampling(points, n);
  run_widest<FarthestKernel<T>>(&sampling, count, first_row, taken);
}

template void farthest_points(const float*, int64_t, int64_t, int64_t, int64_t*);
template void farthest_points(const double*, int64_t, int64_t, int64_t, int64_t*);

}  // namespace pointattn::ops
