// SPDX-License-Identifier: Apache-2.0
// Sums over a cloud run in one thread in the order of its rows, stretch by stretch, then over the
// stretches: no atomics, the same bits in every run. Neighbouring threads take neighbouring channels,
// so the wide operand is read whole; the few columns of the other come from the cache.
#include "cuda/launch.h"
#include "cuda/ragged.h"

namespace pointattn::cuda {
namespace {

constexpr int kThreads = 256;

/// Reduction over the block by a tree of fixed shape.
template <typename T, typename Merge>
__device__ T over_block(T value, T* shared, Merge merge) {
  shared[threadIdx.x] = value;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) {
      shared[threadIdx.x] = merge(shared[threadIdx.x], shared[threadIdx.x + half]);
    }
  }
  __syncthreads();
  const T result = shared[0];
  __syncthreads();
  return result;
}

/// One block a cloud and column.
template <typename T>
__global__ void __launch_bounds__(kThreads) softmax_kernel(const RaggedSoftmaxParams<T> p) {
  __shared__ T shared[kThreads];
  for (int64_t task = blockIdx.x; task < p.clouds * p.columns; task += gridDim.x) {
    const int64_t cloud = task / p.columns;
    const int64_t column = task - cloud * p.columns;
    const int64_t begin = p.starts[cloud], end = p.starts[cloud + 1];
    T most = -INFINITY;
    for (int64_t n = begin + threadIdx.x; n < end; n += kThreads) {
      most = max(most, p.logits[n * p.columns + column]);
    }
    most = over_block(most, shared, [](T a, T b) { return max(a, b); });
    T sum = 0;
    for (int64_t n = begin + threadIdx.x; n < end; n += kThreads) {
      sum += exp(p.logits[n * p.columns + column] - most);
    }
    sum = over_block(sum, shared, [](T a, T b) { return a + b; });
    for (int64_t n = begin + threadIdx.x; n < end; n += kThreads) {
      p.out[n * p.columns + column] = exp(p.logits[n * p.columns + column] - most) / sum;
    }
  }
}

/// One thread an element of a stretch's sum.
template <typename T>
__global__ void __launch_bounds__(kThreads) pool_kernel(const RaggedPoolParams<T> p) {
  const int64_t size = p.r * p.c;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < p.count * size;
       i += stride) {
    const int64_t stretch = i / size;
    const int64_t r = (i - stretch * size) / p.c;
    const int64_t c = i % p.c;
    T sum = 0;
    for (int64_t n = p.stretches[3 * stretch + 1]; n < p.stretches[3 * stretch + 2]; ++n) {
      sum += p.weight[n * p.r + r] * p.values[n * p.c + c];
    }
    p.sums[i] = sum;
  }
}

/// One thread an element of a cloud's result.
template <typename T>
__global__ void __launch_bounds__(kThreads) join_kernel(const RaggedPoolParams<T> p) {
  const int64_t size = p.r * p.c;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < p.clouds * size;
       i += stride) {
    const int64_t cloud = i / size;
    T sum = 0;
    for (int64_t s = p.first[cloud]; s < p.first[cloud + 1]; ++s) {
      sum += p.sums[s * size + i - cloud * size];
    }
    p.out[i] = sum;
  }
}

/// One block a stretch, its threads over the elements of the rows.
template <typename T>
__global__ void __launch_bounds__(kThreads) expand_kernel(const RaggedExpandParams<T> p) {
  for (int64_t stretch = blockIdx.x; stretch < p.count; stretch += gridDim.x) {
    const T* matrix = p.matrices + p.stretches[3 * stretch] * p.k * p.d;
    const int64_t begin = p.stretches[3 * stretch + 1] * p.d;
    const int64_t end = p.stretches[3 * stretch + 2] * p.d;
    for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
      const T* row = p.rows + i / p.d * p.k;
      T sum = 0;
      for (int64_t k = 0; k < p.k; ++k) sum += row[k] * matrix[k * p.d + i % p.d];
      p.out[i] = sum;
    }
  }
}

}  // namespace

template <typename T>
void launch_ragged_softmax(const RaggedSoftmaxParams<T>& params, cudaStream_t stream) {
  const int64_t tasks = params.clouds * params.columns;
  if (tasks == 0) return;
  softmax_kernel<T><<<grid_for(tasks, 1), kThreads, 0, stream>>>(params);
  check_launch("ragged_softmax");
}

template <typename T>
void launch_ragged_pool(const RaggedPoolParams<T>& params, cudaStream_t stream) {
  const int64_t size = params.r * params.c;
  if (params.clouds * size == 0) return;
  if (params.count > 0) {
    pool_kernel<T><<<grid_for(params.count * size, kThreads), kThreads, 0, stream>>>(params);
    check_launch("ragged_pool");
  }
  join_kernel<T><<<grid_for(params.clouds * size, kThreads), kThreads, 0, stream>>>(params);
  check_launch("ragged_pool");
}

template <typename T>
void launch_ragged_expand(const RaggedExpandParams<T>& params, cudaStream_t stream) {
  if (params.count * params.d == 0) return;
  expand_kernel<T><<<grid_for(params.count, 1), kThreads, 0, stream>>>(params);
  check_launch("ragged_expand");
}

template void launch_ragged_softmax(const RaggedSoftmaxParams<float>&, cudaStream_t);
template void launch_ragged_softmax(const RaggedSoftmaxParams<double>&, cudaStream_t);
template void launch_ragged_pool(const RaggedPoolParams<float>&, cudaStream_t);
template void launch_ragged_pool(const RaggedPoolParams<double>&, cudaStream_t);
template void launch_ragged_expand(const RaggedExpandParams<float>&, cudaStream_t);
template void launch_ragged_expand(const RaggedExpandParams<double>&, cudaStream_t);

}  // namespace pointattn::cuda
