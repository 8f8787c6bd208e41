// SPDX-License-Identifier: Apache-2.0
// Brute force, one warp a query: each lane takes one of 32 consecutive points, and the nearest so
// far lie sorted in the registers of the warp. Warps of a block take neighbouring queries, so the
// points that they walk over come from the L1 cache.
#include "cuda/knn.h"
#include "cuda/launch.h"
#include "cuda/warp_best.cuh"

namespace pointattn::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;

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
__device__ T squared_distance(const T* point, T x, T y, T z) {
  const T dx = point[0] - x;
  const T dy = point[1] - y;
  const T dz = point[2] - z;
  return dx * dx + dy * dy + dz * dz;
}

template <typename T, int kRegisters>
__global__ void __launch_bounds__(kThreads) knn_kernel(const KnnParams<T> p) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kWarps;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp; i < p.queries;
       i += stride) {
    const int64_t m = p.first_query + i;
    const int64_t cloud = cloud_of(p.query_offsets, p.clouds, m);
    const int64_t begin = p.point_offsets[cloud];
    const int64_t count = p.point_offsets[cloud + 1] - begin;
    const T x = p.query[3 * m], y = p.query[3 * m + 1], z = p.query[3 * m + 2];
    WarpBest<T, kRegisters> best(p.k);
    for (int64_t tile = 0; tile < count; tile += kWarp) {
      const int64_t n = tile + lane;
      Candidate<T> own{static_cast<T>(INFINITY), kNoRow};
      if (n < count) {
        const T d = squared_distance(p.points + 3 * (begin + n), x, y, z);
        if (d <= p.sq_limit) own = {d, static_cast<int32_t>(n)};
      }
      best.offer(own);
    }
    best.store(p.k, begin, p.index + m * p.k, p.sq_dist + m * p.k);
  }
}

/// More neighbours than registers: one thread a query, its list sorted in the output.
template <typename T>
__global__ void __launch_bounds__(kThreads) knn_in_output_kernel(const KnnParams<T> p) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < p.queries;
       i += stride) {
    const int64_t m = p.first_query + i;
    T* dist = p.sq_dist + m * p.k;
    int64_t* rows = p.index + m * p.k;
    for (int64_t j = 0; j < p.k; ++j) {
      dist[j] = static_cast<T>(INFINITY);
      rows[j] = -1;
    }
    const int64_t cloud = cloud_of(p.query_offsets, p.clouds, m);
    const T x = p.query[3 * m], y = p.query[3 * m + 1], z = p.query[3 * m + 2];
    int64_t found = 0;
    for (int64_t n = p.point_offsets[cloud]; n < p.point_offsets[cloud + 1]; ++n) {
      const T d = squared_distance(p.points + 3 * n, x, y, z);
      // Rows rise, so an equal distance never displaces an earlier one.
      if (!(d <= p.sq_limit) || (found == p.k && d >= dist[p.k - 1])) continue;
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
}

}  // namespace

template <typename T>
void launch_knn(const KnnParams<T>& params, cudaStream_t stream) {
  if (params.queries == 0) return;
  if (params.k > kMostInRegisters) {
    const unsigned grid = grid_for(params.queries, kThreads);
    knn_in_output_kernel<T><<<grid, kThreads, 0, stream>>>(params);
  } else {
    with_registers(params.k, [&]<int kRegisters>() {
      const unsigned grid = grid_for(params.queries, kWarps);
      knn_kernel<T, kRegisters><<<grid, kThreads, 0, stream>>>(params);
    });
  }
  check_launch("knn");
}

template void launch_knn(const KnnParams<float>&, cudaStream_t);
template void launch_knn(const KnnParams<double>&, cudaStream_t);

}  // namespace pointattn::cuda
