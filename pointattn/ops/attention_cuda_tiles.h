// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/attention_tiles.h"

#include <ATen/core/Tensor.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <vector>

namespace pointattn::ops {

/// The type of the kernels for a type of LibTorch's.
template <typename T>
struct CudaNumber {
  using Type = T;
};
template <>
struct CudaNumber<c10::Half> {
  using Type = __half;
};
template <>
struct CudaNumber<c10::BFloat16> {
  using Type = __nv_bfloat16;
};

/// The data of a tensor of the dtype that a kernel's T stands for.
template <typename T>
const T* cuda_data(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}
template <typename T>
T* mutable_cuda_data(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

/// The tiles of all clouds of `rows`, `side` rows each, that meet the clouds of `columns`, on the
/// device of `like`.
struct CudaTiles {
  at::Tensor numbers;  ///< [tiles,4] int64
  int64_t most_columns;

  cuda::AttentionTiles params() const {
    return {numbers.const_data_ptr<int64_t>(), numbers.size(0), most_columns};
  }
};
CudaTiles cuda_tiles(const std::vector<int64_t>& rows,
                     const std::vector<int64_t>& columns,
                     int64_t side,
                     const at::Tensor& like);

/// Memory for a launcher. Freed with this, in order of the stream that was current when it was asked
/// for: what is asked for later on that stream may reuse it, after the kernels.
class CudaScratch {
 public:
  explicit CudaScratch(at::Device device) : device_(device) {}
  void* operator()(std::size_t bytes);

 private:
  at::Device device_;
  std::vector<at::Tensor> taken_;
};

}  // namespace pointattn::ops
