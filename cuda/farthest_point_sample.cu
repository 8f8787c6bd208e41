// SPDX-License-Identifier: Apache-2.0
// Several blocks a cloud, each with its own stretch of the points. A step is one pass over the
// stretch that lowers the distances and finds the farthest point: within each thread, by shuffles
// within a warp, over the warps, and over the blocks through memory, where each block leaves what it
// found and waits for the others. All blocks run at once (a cooperative launch), so waiting ends.
// The points of a thread and their distances stay in its registers where they fit.
#include "cuda/farthest_point_sample.h"
#include "cuda/launch.h"

namespace pointattn::cuda {
namespace {

constexpr int kThreads = 512;
constexpr int kWarp = 32;
constexpr int kHeld = 8;  // points of a thread that stay in registers
static_assert(kMostBlocksOfACloud == kWarp);

template <typename T>
__device__ Farthest<T> none() {
  return {T(-2), INT64_MAX};
}

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
  constexpr int kWarps = kThreads / kWarp;
  __shared__ Farthest<T> of_warp[kWarps];
  own = farthest_of_warp(own);
  __syncthreads();  // the last step's reading is over
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = own;
  __syncthreads();
  return farthest_of_warp(of_warp[threadIdx.x % kWarps]);
}

/// The farthest of all blocks of the cloud, in every thread. `step` counts from 0. A block that goes
/// ahead writes to the other half of `found`, and cannot go two steps ahead.
template <typename T>
__device__ Farthest<T> farthest_of_cloud(
    Farthest<T> own, Farthest<T>* found, unsigned* arrived, int64_t step, int blocks) {
  volatile Farthest<T>* half = found + step % 2 * kMostBlocksOfACloud;  // never from a stale L1
  if (threadIdx.x == 0) {
    half[blockIdx.x].sq_dist = own.sq_dist;
    half[blockIdx.x].row = own.row;
    __threadfence();
    atomicAdd(arrived, 1u);
    // Wraps around as the counter does.
    const unsigned all = static_cast<unsigned>((step + 1) * blocks);
    const volatile unsigned* seen = arrived;
    while (static_cast<int>(*seen - all) < 0) __nanosleep(20);
    __threadfence();
  }
  __syncthreads();
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  Farthest<T> other = none<T>();
  if (lane < blocks) {
    other.sq_dist = half[lane].sq_dist;
    other.row = half[lane].row;
  }
  return farthest_of_warp(other);
}

/// The points of one thread: those of its block's stretch that are kThreads apart.
template <typename T, bool kInRegisters>
class Points {
 public:
  __device__ Points(const FarthestPointSampleParams<T>& p, int64_t begin, int64_t end)
      : p_(p), begin_(begin + threadIdx.x), end_(end) {
    if constexpr (kInRegisters) {
#pragma unroll
      for (int i = 0; i < kHeld; ++i) {
        const int64_t n = begin_ + i * kThreads;
        least_[i] = n < end_ ? static_cast<T>(INFINITY) : T(-2);
        for (int axis = 0; axis < 3; ++axis)
          xyz_[i][axis] = n < end_ ? p.points[3 * n + axis] : T(0);
      }
    } else {
      for (int64_t n = begin_; n < end_; n += kThreads) p.sq_dist[n] = static_cast<T>(INFINITY);
    }
  }

  /// Takes `newest` and gives the farthest of what is left.
  __device__ Farthest<T> take(int64_t newest) {
    const T x = p_.points[3 * newest], y = p_.points[3 * newest + 1], z = p_.points[3 * newest + 2];
    Farthest<T> farthest = none<T>();
    if constexpr (kInRegisters) {
#pragma unroll
      for (int i = 0; i < kHeld; ++i) {
        const int64_t n = begin_ + i * kThreads;
        if (n >= end_) continue;
        least_[i] = lowered(least_[i], xyz_[i], x, y, z, n == newest);
        farthest = farther(farthest, {least_[i], n});
      }
    } else {
      for (int64_t n = begin_; n < end_; n += kThreads) {
        const T least = lowered(p_.sq_dist[n], p_.points + 3 * n, x, y, z, n == newest);
        p_.sq_dist[n] = least;
        farthest = farther(farthest, {least, n});
      }
    }
    return farthest;
  }

 private:
  __device__ static T lowered(T before, const T* point, T x, T y, T z, bool taken) {
    const T dx = point[0] - x;
    const T dy = point[1] - y;
    const T dz = point[2] - z;
    const T d = dx * dx + dy * dy + dz * dz;
    return taken ? T(-1) : d < before ? d : before;  // taken: never again
  }

  const FarthestPointSampleParams<T>& p_;
  int64_t begin_, end_;
  T xyz_[kInRegisters ? kHeld : 1][3];
  T least_[kInRegisters ? kHeld : 1];
};

/// gridDim.x blocks a cloud, gridDim.y clouds at a time.
template <typename T, bool kInRegisters>
__global__ void __launch_bounds__(kThreads)
    farthest_point_sample_kernel(const FarthestPointSampleParams<T> p) {
  const int blocks = static_cast<int>(gridDim.x);
  for (int64_t cloud = blockIdx.y; cloud < p.clouds; cloud += gridDim.y) {
    const int64_t first_row = p.offsets[cloud];
    const int64_t rows = p.offsets[cloud + 1] - first_row;
    const int64_t first = p.starts[cloud];
    const int64_t count = p.starts[cloud + 1] - first;
    Points<T, kInRegisters> points(
        p, first_row + rows * blockIdx.x / blocks, first_row + rows * (blockIdx.x + 1) / blocks);
    int64_t newest = first_row;
    for (int64_t i = 0; i < count; ++i) {
      if (blockIdx.x == 0 && threadIdx.x == 0) p.taken[first + i] = newest;
      if (i + 1 == count) break;
      Farthest<T> farthest = farthest_of_block(points.take(newest));
      if (blocks > 1) {
        farthest = farthest_of_cloud(
            farthest, p.found + cloud * 2 * kMostBlocksOfACloud, p.arrived + cloud, i, blocks);
      }
      newest = farthest.row;
    }
  }
}

/// Blocks of this kernel that the device runs at once.
template <typename Kernel>
int64_t resident_blocks(Kernel* kernel) {
  int device = 0, processors = 0, each = 0;
  check("farthest_point_sample", cudaGetDevice(&device));
  check("farthest_point_sample",
        cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device));
  check("farthest_point_sample",
        cudaOccupancyMaxActiveBlocksPerMultiprocessor(&each, kernel, kThreads, 0));
  return std::max<int64_t>(1, int64_t{each} * processors);
}

/// As many blocks a cloud as keep its points in registers, or as run at once; false where they do
/// not fit and `kInRegisters` asks for it.
template <typename T, bool kInRegisters>
bool launch(const FarthestPointSampleParams<T>& params, cudaStream_t stream) {
  constexpr int64_t kHeldByBlock = int64_t{kThreads} * kHeld;
  const auto kernel = farthest_point_sample_kernel<T, kInRegisters>;
  const int64_t resident = resident_blocks(kernel);
  const int64_t side_by_side = std::min(params.clouds, resident);
  const int64_t wanted = (params.most_points + kHeldByBlock - 1) / kHeldByBlock;
  const int64_t most = std::min<int64_t>(kMostBlocksOfACloud, resident / side_by_side);
  const int64_t blocks = std::clamp<int64_t>(wanted, 1, most);
  if (kInRegisters && blocks < wanted) return false;
  const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(side_by_side));
  FarthestPointSampleParams<T> copy = params;
  void* arguments[] = {&copy};
  check("farthest_point_sample",
        cudaLaunchCooperativeKernel(kernel, grid, dim3(kThreads), arguments, 0, stream));
  return true;
}

}  // namespace

template <typename T>
void launch_farthest_point_sample(const FarthestPointSampleParams<T>& params, cudaStream_t stream) {
  if (params.clouds == 0) return;
  if (!launch<T, true>(params, stream)) launch<T, false>(params, stream);
}

template void launch_farthest_point_sample(const FarthestPointSampleParams<float>&, cudaStream_t);
template void launch_farthest_point_sample(const FarthestPointSampleParams<double>&, cudaStream_t);

}  // namespace pointattn::cuda
