// SPDX-License-Identifier: Apache-2.0
// Brute force, one thread a query: the threads of a warp read the same point at the same time, so a
// point is one broadcast from the L1 cache. O(M·N) distances. The K best so far are kept sorted in
// local memory up to kCapacity, beyond that in the output.
#include "cuda/knn.h"
#include "cuda/launch.h"

namespace pointattn::cuda {
namespace {

constexpr int kThreads = 128;

/// The cloud that owns `row`: the last one that starts at or before it. Empty clouds own none.
__device__ int64_t cloud_of(const int64_t* offsets, int64_t clouds, int64_t row) {
  int64_t low = 0;
  int64_t high = clouds;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (offsets[middle] <= row) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

template <typename T>
__device__ void search(const KnnParams<T>& p, int64_t m, T* dist, int64_t* rows) {
  for (int64_t j = 0; j < p.k; ++j) {
    dist[j] = static_cast<T>(INFINITY);
    rows[j] = -1;
  }
  const int64_t cloud = cloud_of(p.query_offsets, p.clouds, m);
  const T x = p.query[3 * m];
  const T y = p.query[3 * m + 1];
  const T z = p.query[3 * m + 2];
  int64_t found = 0;
  for (int64_t n = p.point_offsets[cloud]; n < p.point_offsets[cloud + 1]; ++n) {
    const T dx = p.points[3 * n] - x;
    const T dy = p.points[3 * n + 1] - y;
    const T dz = p.points[3 * n + 2] - z;
    const T d = dx * dx + dy * dy + dz * dz;
    // Rows rise, so an equal distance never displaces an earlier one.
    if (d > p.sq_limit || (found == p.k && d >= dist[p.k - 1])) continue;
    if (found < p.k) ++found;
    int64_t place = found - 1;
    for (; place > 0 && d < dist[place - 1]; --place) {
      dist[place] = dist[place - 1];
      rows[place] = rows[place - 1];
    }
    dist[place] = d;
    rows[place] = n;
  }
}

/// kCapacity 0: the lists live in the output.
template <typename T, int kCapacity>
__global__ void __launch_bounds__(kThreads) knn_kernel(const KnnParams<T> p) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t m = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; m < p.queries;
       m += stride) {
    T* out_dist = p.sq_dist + m * p.k;
    int64_t* out_rows = p.index + m * p.k;
    if constexpr (kCapacity == 0) {
      search(p, m, out_dist, out_rows);
    } else {
      T dist[kCapacity];
      int64_t rows[kCapacity];
      search(p, m, dist, rows);
      for (int64_t j = 0; j < p.k; ++j) {
        out_dist[j] = dist[j];
        out_rows[j] = rows[j];
      }
    }
  }
}

}  // namespace

template <typename T>
void launch_knn(const KnnParams<T>& params, cudaStream_t stream) {
  if (params.queries == 0) return;
  const unsigned grid = grid_for(params.queries, kThreads);
  if (params.k <= 4) {
    knn_kernel<T, 4><<<grid, kThreads, 0, stream>>>(params);
  } else if (params.k <= 32) {
    knn_kernel<T, 32><<<grid, kThreads, 0, stream>>>(params);
  } else {
    knn_kernel<T, 0><<<grid, kThreads, 0, stream>>>(params);
  }
  check_launch("knn");
}

template void launch_knn(const KnnParams<float>&, cudaStream_t);
template void launch_knn(const KnnParams<double>&, cudaStream_t);

}  // namespace pointattn::cuda
