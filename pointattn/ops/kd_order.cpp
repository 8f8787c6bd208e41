// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/kd_order.h"

#include <algorithm>
#include <bit>

namespace pointattn::ops {
namespace {

constexpr int64_t kWorthATask = 8192;
/// Pivots and axes are chosen by so many points of a range.
constexpr int64_t kSample = 16;

template <typename T>
struct Along {
  int axis;

  bool operator()(const PlacedPoint<T>& a, const PlacedPoint<T>& b) const {
    // No branches: which point comes first cannot be foretold.
    return (a.xyz[axis] < b.xyz[axis]) | ((a.xyz[axis] == b.xyz[axis]) & (a.row < b.row));
  }
};

/// The axis along which the points, or a sample of them, reach farthest.
template <typename T>
Along<T> widest_axis(const PlacedPoint<T>* points, int64_t n) {
  T low[3], high[3];
  for (int axis = 0; axis < 3; ++axis) low[axis] = high[axis] = points[0].xyz[axis];
  const int64_t stride = std::max<int64_t>(1, n / 256);
  for (int64_t i = 0; i < n; i += stride) {
    for (int axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], points[i].xyz[axis]);
      high[axis] = std::max(high[axis], points[i].xyz[axis]);
    }
  }
  int widest = 0;
  for (int axis = 1; axis < 3; ++axis) {
    if (high[axis] - low[axis] > high[widest] - low[widest]) widest = axis;
  }
  return {widest};
}

/// A point of the range a little to the far side of place `nth` of n: what lies beyond it is then
/// done with, and it is most.
template <typename T>
PlacedPoint<T> choose_pivot(const PlacedPoint<T>* points, int64_t n, int64_t nth, Along<T> along) {
  PlacedPoint<T> sample[kSample];
  for (int64_t i = 0; i < kSample; ++i) sample[i] = points[i * (n - 1) / (kSample - 1)];
  constexpr int64_t kMargin = 2;
  int64_t place = nth * kSample / n;
  place += 2 * nth < n ? kMargin : -kMargin;
  std::nth_element(sample, sample + place, sample + kSample, along);
  return sample[place];
}

/// Writes the points before `pivot` from the start of `to`, the others from its end; returns how
/// many come before.
template <typename T>
int64_t split(const PlacedPoint<T>* from,
              PlacedPoint<T>* to,
              int64_t n,
              const PlacedPoint<T>& pivot,
              Along<T> along) {
  int64_t before = 0;
  for (int64_t i = 0; i < n; ++i) {
    const bool first = along(from[i], pivot);
    // Written to both places; the wrong one is written over later.
    to[before] = from[i];
    to[n - 1 - (i - before)] = from[i];
    before += first;
  }
  return before;
}

/// As std::nth_element; `spare` has room for as many points.
template <typename T>
void select(PlacedPoint<T>* points, PlacedPoint<T>* spare, int64_t n, int64_t nth, Along<T> along) {
  constexpr int64_t kWorthASample = 4 * kSample;
  while (n > kWorthASample) {
    const int64_t before = split(points, spare, n, choose_pivot(points, n, nth, along), along);
    std::copy_n(spare, n, points);
    if (nth < before) {
      n = before;
    } else {
      points += before;
      n -= before;
      nth -= before;
    }
  }
  std::nth_element(points, points + nth, points + n, along);
}

template <typename T>
void order(PlacedPoint<T>* points, PlacedPoint<T>* spare, int64_t n, int64_t leaf_size) {
  while (n > leaf_size) {
    const uint64_t leaves = static_cast<uint64_t>((n + leaf_size - 1) / leaf_size);
    const int64_t left = leaf_size * static_cast<int64_t>(std::bit_ceil(leaves) / 2);
    select(points, spare, n, left, widest_axis(points, n));
#pragma omp task if (left > kWorthATask) default(none) firstprivate(points, spare, left, leaf_size)
    order(points, spare, left, leaf_size);
    points += left;
    spare += left;
    n -= left;
  }
}

}  // namespace

template <typename T>
std::vector<PlacedPoint<T>> kd_order(const T* points,
                                     int64_t n,
                                     int64_t leaf_size,
                                     [[maybe_unused]] int threads) {
  std::vector<PlacedPoint<T>> placed(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    placed[static_cast<size_t>(i)] = {{points[3 * i], points[3 * i + 1], points[3 * i + 2]},
                                      static_cast<int32_t>(i)};
  }
  std::vector<PlacedPoint<T>> spare(placed.size());
  // No task is worth another thread in a small cloud.
#pragma omp parallel num_threads(threads) if (threads > 1 && n > kWorthATask)
#pragma omp single
  order(placed.data(), spare.data(), n, leaf_size);
  return placed;
}

template std::vector<PlacedPoint<float>> kd_order(const float*, int64_t, int64_t, int);
template std::vector<PlacedPoint<double>> kd_order(const double*, int64_t, int64_t, int);

}  // namespace pointattn::ops
