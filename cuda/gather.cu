// SPDX-License-Identifier: Apache-2.0
// One thread an output element, neighbouring threads on neighbouring channels, so rows are read and
// written whole. The backward pass sums each output element in one thread over sorted places: no
// atomics, the same bits in every run.
#include "cuda/gather.h"
#include "cuda/launch.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace pointattn::cuda {
namespace {

constexpr int kThreads = 256;

template <typename T>
struct SumOf {
  using Type = float;
};
template <>
struct SumOf<double> {
  using Type = double;
};

template <typename T>
__global__ void __launch_bounds__(kThreads) gather_kernel(const GatherParams p) {
  using Sum = typename SumOf<T>::Type;
  const T* feat = static_cast<const T*>(p.feat);
  const T* weight = static_cast<const T*>(p.weight);
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
       i < p.rows * p.channels;
       i += stride) {
    const int64_t row = i / p.channels;
    const int64_t c = i - row * p.channels;
    Sum sum = 0;
    for (int64_t r = row * p.k; r < (row + 1) * p.k; ++r) {
      if (p.index[r] < 0) continue;
      const Sum value = static_cast<Sum>(feat[p.index[r] * p.channels + c]);
      sum += weight ? static_cast<Sum>(weight[r]) * value : value;
    }
    static_cast<T*>(p.out)[i] = static_cast<T>(sum);
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) gather_backward_kernel(const GatherBackwardParams p) {
  using Sum = typename SumOf<T>::Type;
  const T* grad = static_cast<const T*>(p.grad);
  const T* weight = static_cast<const T*>(p.weight);
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
       i < p.rows * p.channels;
       i += stride) {
    const int64_t row = i / p.channels;
    const int64_t c = i - row * p.channels;
    Sum sum = 0;
    for (int64_t j = p.starts[row]; j < p.starts[row + 1]; ++j) {
      const int64_t r = p.order[j];
      const Sum value = static_cast<Sum>(grad[r / p.k * p.channels + c]);
      sum += weight ? static_cast<Sum>(weight[r]) * value : value;
    }
    static_cast<T*>(p.out)[i] = static_cast<T>(sum);
  }
}

}  // namespace

void launch_gather(const GatherParams& params, Element element, cudaStream_t stream) {
  const int64_t work = params.rows * params.channels;
  if (work == 0) return;
  const unsigned grid = grid_for(work, kThreads);
  switch (element) {
    case Element::kFloat32:
      gather_kernel<float><<<grid, kThreads, 0, stream>>>(params);
      break;
    case Element::kFloat64:
      gather_kernel<double><<<grid, kThreads, 0, stream>>>(params);
      break;
    case Element::kFloat16:
      gather_kernel<__half><<<grid, kThreads, 0, stream>>>(params);
      break;
    case Element::kBFloat16:
      gather_kernel<__nv_bfloat16><<<grid, kThreads, 0, stream>>>(params);
      break;
  }
  check_launch("gather");
}

void launch_gather_backward(const GatherBackwardParams& params,
                            Element element,
                            cudaStream_t stream) {
  const int64_t work = params.rows * params.channels;
  if (work == 0) return;
  const unsigned grid = grid_for(work, kThreads);
  switch (element) {
    case Element::kFloat32:
      gather_backward_kernel<float><<<grid, kThreads, 0, stream>>>(params);
      break;
    case Element::kFloat64:
      gather_backward_kernel<double><<<grid, kThreads, 0, stream>>>(params);
      break;
    case Element::kFloat16:
      gather_backward_kernel<__half><<<grid, kThreads, 0, stream>>>(params);
      break;
    case Element::kBFloat16:
      gather_backward_kernel<__nv_bfloat16><<<grid, kThreads, 0, stream>>>(params);
      break;
  }
  check_launch("gather_backward");
}

}  // namespace pointattn::cuda
