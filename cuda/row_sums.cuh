// SPDX-License-Identifier: Apache-2.0
// What the blocks of an attention kernel on tensor cores leave of their rows, and how it becomes a
// result. So that few rows occupy a whole GPU, several blocks share the columns of a row: each leaves
// sums over its own, and `finish` adds these in order.
#pragma once

#include "cuda/packed_rows.cuh"

namespace pointattn::cuda::tensor {

struct RowSums {
  float* sums;    ///< [splits,heads,rows,line]
  float* totals;  ///< [splits,heads,rows]
  float* max;     ///< [splits,heads,rows], what the exponents of the sums were taken relative to
  int64_t splits, heads, rows, width, line;

  __device__ int64_t place(int64_t split, int64_t head, int64_t row) const {
    return (split * heads + head) * rows + row;
  }
};

/// Room for the sums of `width` columns, for none of them if 0.
inline RowSums row_sums(
    int64_t splits, int64_t heads, int64_t rows, int64_t width, const Scratch& scratch) {
  const int64_t line = width > 0 ? packed_line(width) : 0;
  const int64_t count = splits * heads * rows;
  return {take<float>(scratch, count * line),
          take<float>(scratch, count),
          take<float>(scratch, count),
          splits,
          heads,
          rows,
          width,
          line};
}

/// What is left to do with a row: its sums times `scale`, those of a split times its share before.
struct RowEnd {
  float scale;
  float max;  // of all splits
};

/// A softmax whose maximum and inverse sum are kept, [heads,rows].
struct SoftmaxEnding {
  float* row_max;
  float* row_scale;

  __device__ RowEnd begin(const RowSums& from, int64_t head, int64_t row, bool writes) const {
    float best = kLowest<float>;
    for (int64_t s = 0; s < from.splits; ++s) {
      const float other = from.max[from.place(s, head, row)];
      best = other > best ? other : best;
    }
    float total = 0;
    for (int64_t s = 0; s < from.splits; ++s)
      total += from.totals[from.place(s, head, row)] * share(from, s, head, row, {1, best});
    const float scale = total == 0.0F ? 0.0F : 1.0F / total;
    if (writes) {
      row_max[head * from.rows + row] = best;
      row_scale[head * from.rows + row] = scale;
    }
    return {scale, best};
  }
  __device__ float share(
      const RowSums& from, int64_t split, int64_t head, int64_t row, const RowEnd& end) const {
    return exp(from.max[from.place(split, head, row)] - end.max);
  }
};

/// The total of a row over its splits.
__device__ inline float total_of(const RowSums& from, int64_t head, int64_t row) {
  float total = 0;
  for (int64_t s = 0; s < from.splits; ++s) total += from.totals[from.place(s, head, row)];
  return total;
}

/// Sums over 1e-9 and their weights, whose inverse is kept [rows].
struct ColumnEnding {
  float* column_scale;

  __device__ RowEnd begin(const RowSums& from, int64_t head, int64_t row, bool writes) const {
    const float scale = 1.0F / (1e-9F + total_of(from, head, row));
    if (writes) column_scale[row] = scale;
    return {scale, 0};
  }
  __device__ float share(const RowSums&, int64_t, int64_t, int64_t, const RowEnd&) const {
    return 1;
  }
};

/// Sums times `scale`; the totals are kept [rows,heads] where `totals` is not null.
template <typename T>
struct ScaledEnding {
  float scale;
  T* totals;

  __device__ RowEnd begin(const RowSums& from, int64_t head, int64_t row, bool writes) const {
    if (writes && totals != nullptr) totals[row * from.heads + head] = T(total_of(from, head, row));
    return {scale, 0};
  }
  __device__ float share(const RowSums&, int64_t, int64_t, int64_t, const RowEnd&) const {
    return 1;
  }
};

/// One warp a row of a head; to [rows,heads,width].
template <typename T, typename Ending>
__global__ void finish_rows(RowSums from, Ending ending, T* to) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.x / kWarp;
  if (index >= from.rows * from.heads) return;
  const int64_t head = index % from.heads;
  const int64_t row = index / from.heads;
  const RowEnd end = ending.begin(from, head, row, lane == 0);
  for (int64_t c = lane; c < from.width; c += kWarp) {
    float sum = 0;
    for (int64_t s = 0; s < from.splits; ++s) {
      sum += ending.share(from, s, head, row, end) *
             from.sums[from.place(s, head, row) * from.line + c];
    }
    to[index * from.width + c] = T(sum * end.scale);
  }
}

template <typename T, typename Ending>
void finish(const RowSums& from, const Ending& ending, T* to, cudaStream_t stream) {
  const int64_t rows = from.rows * from.heads;
  if (rows == 0) return;
  finish_rows<T, Ending><<<warps_grid(rows), kWarp * kRowsPerBlock, 0, stream>>>(from, ending, to);
  check_launch("attention: sums of rows");
}

}  // namespace pointattn::cuda::tensor
