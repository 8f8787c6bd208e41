// SPDX-License-Identifier: Apache-2.0
// One block a cloud. Each step is one pass over the cloud that lowers the distances and finds the
// farthest point: first within each thread, then by shuffles within a warp, then over the warps.
// O(N·M) work; reads 4 and writes at most 1 number a point and step.
#include "cuda/farthest_point_sample.h"
#include "cuda/launch.h"

namespace pointattn::cuda {
namespace {

constexpr int kThreads = 1024;
constexpr int kWarp = 32;

template <typename T>
struct Farthest {
  T sq_dist;
  int64_t row;
};

template <typename T>
__device__ Farthest<T> farther(Farthest<T> a, Farthest<T> b) {
  return b.sq_dist > a.sq_dist || (b.sq_dist == a.sq_dist && b.row < a.row) ? b : a;
}

template <typename T>
__device__ Farthest<T> farthest_of_warp(Farthest<T> own) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    own = farther(own,
                  {__shfl_xor_sync(0xffffffffu, own.sq_dist, step),
                   __shfl_xor_sync(0xffffffffu, own.row, step)});
  }
  return own;
}

/// The farthest of the block, in every thread.
template <typename T>
__device__ Farthest<T> farthest_of_block(Farthest<T> own) {
  __shared__ Farthest<T> of_warp[kThreads / kWarp];
  own = farthest_of_warp(own);
  __syncthreads();  // the last step's reading is over
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = own;
  __syncthreads();
  return farthest_of_warp(of_warp[threadIdx.x % kWarp]);
}

template <typename T>
__device__ void sample_cloud(const FarthestPointSampleParams<T>& p, int64_t cloud) {
  const int64_t begin = p.offsets[cloud];
  const int64_t end = p.offsets[cloud + 1];
  const int64_t first = p.starts[cloud];
  const int64_t count = p.starts[cloud + 1] - first;
  // Each thread reads and writes the distances of its own points only, so they need no barrier.
  for (int64_t n = begin + threadIdx.x; n < end; n += kThreads)
    p.sq_dist[n] = static_cast<T>(INFINITY);
  int64_t newest = begin;
  for (int64_t i = 0; i < count; ++i) {
    if (threadIdx.x == 0) p.taken[first + i] = newest;
    const T x = p.points[3 * newest];
    const T y = p.points[3 * newest + 1];
    const T z = p.points[3 * newest + 2];
    Farthest<T> own{T(-2), INT64_MAX};
    for (int64_t n = begin + threadIdx.x; n < end; n += kThreads) {
      const T dx = p.points[3 * n] - x;
      const T dy = p.points[3 * n + 1] - y;
      const T dz = p.points[3 * n + 2] - z;
      const T d = dx * dx + dy * dy + dz * dz;
      T least = d < p.sq_dist[n] ? d : p.sq_dist[n];
      if (n == newest) least = T(-1);  // taken: never again
      p.sq_dist[n] = least;
      own = farther(own, {least, n});
    }
    newest = farthest_of_block(own).row;
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    farthest_point_sample_kernel(const FarthestPointSampleParams<T> p) {
  for (int64_t cloud = blockIdx.x; cloud < p.clouds; cloud += gridDim.x) sample_cloud(p, cloud);
}

}  // namespace

template <typename T>
void launch_farthest_point_sample(const FarthestPointSampleParams<T>& params, cudaStream_t stream) {
  if (params.clouds == 0) return;
  farthest_point_sample_kernel<<<grid_for(params.clouds, 1), kThreads, 0, stream>>>(params);
  check_launch("farthest_point_sample");
}

template void launch_farthest_point_sample(const FarthestPointSampleParams<float>&, cudaStream_t);
template void launch_farthest_point_sample(const FarthestPointSampleParams<double>&, cudaStream_t);

}  // namespace pointattn::cuda
