// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/ragged_loops.h"

#include "pointattn/ops/cpu_dispatch.h"

#include <algorithm>

namespace pointattn::ops {
namespace {

constexpr int64_t kColumns = 64;  // accumulators of one task: kLines × kColumns stay in registers
constexpr int64_t kLines = 4;

/// acc[l][j] = Σ_n weight[n·r + l] values[n·c + j] for a full block.
template <typename T>
[[gnu::always_inline]] inline void pool_block(
    const T* weight, const T* values, T* sums, int64_t count, int64_t r, int64_t c) {
  T acc[kLines][kColumns] = {};
  for (int64_t n = 0; n < count; ++n) {
    const T* value = values + n * c;
    for (int64_t l = 0; l < kLines; ++l) {
      const T w = weight[n * r + l];
      for (int64_t j = 0; j < kColumns; ++j) acc[l][j] += w * value[j];
    }
  }
  for (int64_t l = 0; l < kLines; ++l) std::copy_n(acc[l], kColumns, sums + l * c);
}

/// The same for a block at the edge, `lines` × `columns`.
template <typename T>
[[gnu::always_inline]] inline void pool_edge(const T* weight,
                                             const T* values,
                                             T* sums,
                                             int64_t count,
                                             int64_t r,
                                             int64_t c,
                                             int64_t lines,
                                             int64_t columns) {
  for (int64_t l = 0; l < lines; ++l) {
    T acc[kColumns] = {};
    for (int64_t n = 0; n < count; ++n) {
      const T w = weight[n * r + l];
      for (int64_t j = 0; j < columns; ++j) acc[j] += w * values[n * c + j];
    }
    std::copy_n(acc, columns, sums + l * c);
  }
}

template <typename T>
struct Pool {
  [[gnu::always_inline]] static inline void run(
      const T* weight, const T* values, T* sums, int64_t count, int64_t r, int64_t c) {
    for (int64_t l = 0; l < r; l += kLines) {
      for (int64_t j = 0; j < c; j += kColumns) {
        const int64_t lines = std::min(kLines, r - l);
        const int64_t columns = std::min(kColumns, c - j);
        T* to = sums + l * c + j;
        if (lines == kLines && columns == kColumns) {
          pool_block(weight + l, values + j, to, count, r, c);
        } else {
          pool_edge(weight + l, values + j, to, count, r, c, lines, columns);
        }
      }
    }
  }
};

template <typename T>
struct Expand {
  [[gnu::always_inline]] static inline void run(
      const T* rows, const T* matrix, T* out, int64_t count, int64_t k, int64_t d) {
    for (int64_t n = 0; n < count; ++n) {
      for (int64_t j = 0; j < d; j += kColumns) {
        const int64_t columns = std::min(kColumns, d - j);
        T acc[kColumns] = {};
        for (int64_t i = 0; i < k; ++i) {
          const T x = rows[n * k + i];
          const T* line = matrix + i * d + j;
          if (columns == kColumns) {
            for (int64_t m = 0; m < kColumns; ++m) acc[m] += x * line[m];
          } else {
            for (int64_t m = 0; m < columns; ++m) acc[m] += x * line[m];
          }
        }
        std::copy_n(acc, columns, out + n * d + j);
      }
    }
  }
};

}  // namespace

template <typename T>
void pool_rows(const T* weight, const T* values, T* sums, int64_t count, int64_t r, int64_t c) {
  run_widest<Pool<T>>(weight, values, sums, count, r, c);
}

template <typename T>
void expand_rows(const T* rows, const T* matrix, T* out, int64_t count, int64_t k, int64_t d) {
  run_widest<Expand<T>>(rows, matrix, out, count, k, d);
}

template void pool_rows(const float*, const float*, float*, int64_t, int64_t, int64_t);
template void pool_rows(const double*, const double*, double*, int64_t, int64_t, int64_t);
template void expand_rows(const float*, const float*, float*, int64_t, int64_t, int64_t);
template void expand_rows(const double*, const double*, double*, int64_t, int64_t, int64_t);

}  // namespace pointattn::ops
