// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pointattn::cuda {

constexpr int kWarp = 32;
constexpr unsigned kWholeWarp = 0xffffffffu;

/// A neighbour that was found, or none: +infinity and kNoRow.
template <typename T>
struct Candidate {
  T sq_dist;
  int32_t row;  ///< in its cloud
};
constexpr int32_t kNoRow = INT32_MAX;

/// By distance, then by row.
template <typename T>
__device__ inline bool nearer(const Candidate<T>& a, const Candidate<T>& b) {
  return a.sq_dist < b.sq_dist || (a.sq_dist == b.sq_dist && a.row < b.row);
}

template <typename T>
__device__ inline Candidate<T> shuffle_xor(const Candidate<T>& own, int step) {
  return {__shfl_xor_sync(kWholeWarp, own.sq_dist, step),
          __shfl_xor_sync(kWholeWarp, own.row, step)};
}

/// Of a pair of lanes that differ in the bit `step`, one keeps the nearer and one the farther.
template <typename T>
__device__ inline Candidate<T> exchange(const Candidate<T>& own, int step, bool keep_nearer) {
  const Candidate<T> other = shuffle_xor(own, step);
  return nearer(other, own) == keep_nearer ? other : own;
}

/// The 32·kRegisters nearest candidates that a warp has seen, sorted: place i is register i / 32 of
/// lane i % 32. kRegisters is a power of two. All lanes call every function together.
template <typename T, int kRegisters>
class WarpBest {
 public:
  /// `k`, at most 32·kRegisters, of them are wanted.
  __device__ explicit WarpBest(int64_t k)
      : lane_(static_cast<int>(threadIdx.x) % kWarp), last_(static_cast<int>(k) - 1) {
#pragma unroll
    for (int r = 0; r < kRegisters; ++r) best_[r] = {static_cast<T>(INFINITY), kNoRow};
    worst_ = best_[0];
  }

  /// The k-th nearest so far: what is not nearer need not be offered.
  __device__ const Candidate<T>& worst() const { return worst_; }

  /// One candidate a lane; lanes without one offer none.
  __device__ void offer(Candidate<T> own) {
    if (__ballot_sync(kWholeWarp, nearer(own, worst_)) == 0) return;
    sort(own);
    // The farthest 32 places against the new ones in reverse: the nearer of each pair are, with
    // the other places, the best of both, rising then falling. A bitonic merge sorts them.
    const Candidate<T> reversed = shuffle_xor(own, kWarp - 1);
    if (nearer(reversed, best_[kRegisters - 1])) best_[kRegisters - 1] = reversed;
    merge();
    find_worst();
  }

  __device__ void store(int64_t k, int64_t first_row, int64_t* index, T* sq_dist) const {
#pragma unroll
    for (int r = 0; r < kRegisters; ++r) {
      const int64_t place = r * kWarp + lane_;
      if (place >= k) continue;
      index[place] = best_[r].row == kNoRow ? -1 : first_row + best_[r].row;
      sq_dist[place] = best_[r].sq_dist;
    }
  }

 private:
  /// Bitonic sort over the lanes, nearest first.
  __device__ void sort(Candidate<T>& own) const {
#pragma unroll
    for (int size = 2; size <= kWarp; size *= 2) {
#pragma unroll
      for (int step = size / 2; step > 0; step /= 2) {
        const bool rising = (lane_ & size) == 0;
        own = exchange(own, step, ((lane_ & step) == 0) == rising);
      }
    }
  }

  __device__ void merge() {
#pragma unroll
    for (int step = kRegisters / 2; step > 0; step /= 2) {
#pragma unroll
      for (int r = 0; r < kRegisters; ++r) {
        if ((r & step) != 0 || !nearer(best_[r | step], best_[r])) continue;
        const Candidate<T> farther = best_[r];
        best_[r] = best_[r | step];
        best_[r | step] = farther;
      }
    }
#pragma unroll
    for (int step = kWarp / 2; step > 0; step /= 2) {
#pragma unroll
      for (int r = 0; r < kRegisters; ++r) best_[r] = exchange(best_[r], step, (lane_ & step) == 0);
    }
  }

  __device__ void find_worst() {
    Candidate<T> own = best_[0];
#pragma unroll
    for (int r = 1; r < kRegisters; ++r) {
      if (last_ / kWarp == r) own = best_[r];
    }
    worst_ = {__shfl_sync(kWholeWarp, own.sq_dist, last_ % kWarp),
              __shfl_sync(kWholeWarp, own.row, last_ % kWarp)};
  }

  int lane_;
  int last_;
  Candidate<T> best_[kRegisters];
  Candidate<T> worst_;
};

/// Calls `run.template operator()<R>()` with the least number of registers that hold k places.
template <typename Run>
void with_registers(int64_t k, const Run& run) {
  if (k <= 32) return run.template operator()<1>();
  if (k <= 64) return run.template operator()<2>();
  if (k <= 128) return run.template operator()<4>();
  if (k <= 256) return run.template operator()<8>();
  if (k <= 512) return run.template operator()<16>();
  run.template operator()<32>();
}

}  // namespace pointattn::cuda
