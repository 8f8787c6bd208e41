// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/feature_scan.h"

#include "pointattn/ops/cpu_dispatch.h"

namespace pointattn::ops {
namespace {

constexpr int64_t kBlock = 32;

template <typename T>
struct ColumnsKernel {
  [[gnu::always_inline]] static inline void run(
      const T* product, const T* base, int64_t n, T limit, int32_t* taken, int64_t* count) {
    int64_t found = 0;
    int64_t j = 0;
    for (; j + kBlock <= n; j += kBlock) {
      int32_t any = 0;  // most blocks have none
      for (int64_t i = j; i < j + kBlock; ++i)
        any |= static_cast<int32_t>(base[i] - 2 * product[i] <= limit);
      if (any == 0) continue;
      for (int64_t i = j; i < j + kBlock; ++i) {
        taken[found] = static_cast<int32_t>(i);
        found += base[i] - 2 * product[i] <= limit;
      }
    }
    for (; j < n; ++j) {
      taken[found] = static_cast<int32_t>(j);
      found += base[j] - 2 * product[j] <= limit;
    }
    *count = found;
  }
};

template <typename T>
struct ExactKernel {
  [[gnu::always_inline]] static inline void run(const T* query,
                                                const T* points,
                                                int64_t dims,
                                                const int32_t* rows,
                                                int64_t count,
                                                T* sq_dist) {
    constexpr int64_t kSums = 16;
    for (int64_t c = 0; c < count; ++c) {
      const T* point = points + dims * rows[c];
      double sums[kSums] = {};
      int64_t d = 0;
      for (; d + kSums <= dims; d += kSums) {
        for (int64_t i = 0; i < kSums; ++i) {
          const double x = static_cast<double>(query[d + i]) - static_cast<double>(point[d + i]);
          sums[i] += x * x;
        }
      }
      for (int64_t i = 0; d + i < dims; ++i) {
        const double x = static_cast<double>(query[d + i]) - static_cast<double>(point[d + i]);
        sums[i] += x * x;
      }
      for (int64_t half = kSums / 2; half > 0; half /= 2)
        for (int64_t i = 0; i < half; ++i) sums[i] += sums[i + half];
      sq_dist[c] = static_cast<T>(sums[0]);
    }
  }
};

}  // namespace

template <typename T>
int64_t columns_within(const T* product, const T* base, int64_t n, T limit, int32_t* taken) {
  int64_t count = 0;
  run_widest<ColumnsKernel<T>>(product, base, n, limit, taken, &count);
  return count;
}

template <typename T>
void exact_sq_dist(
    const T* query, const T* points, int64_t dims, const int32_t* rows, int64_t count, T* sq_dist) {
  run_widest<ExactKernel<T>>(query, points, dims, rows, count, sq_dist);
}

template int64_t columns_within(const float*, const float*, int64_t, float, int32_t*);
template int64_t columns_within(const double*, const double*, int64_t, double, int32_t*);
template void exact_sq_dist(const float*, const float*, int64_t, const int32_t*, int64_t, float*);
template void exact_sq_dist(
    const double*, const double*, int64_t, const int32_t*, int64_t, double*);

}  // namespace pointattn::ops
