// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/attention_tiles.h"

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pointattn::cuda {

/// What both passes read: device pointers, row-major, contiguous.
template <typename T>
struct OffsetAttentionInputs {
  const T* q;            ///< [N,depth]
  const T* k;            ///< [N,depth]
  const T* v;            ///< [N,width]
  AttentionTiles tiles;  ///< a cloud meets itself
  int64_t rows;          ///< N
  int64_t depth;
  int64_t width;
  bool
      tf32;  ///< lets tensor cores round float operands to 11 bits; else they are split in two halves
};

/// A_ij = exp(q_i · k_j − row_max_i) row_scale_i column_scale_j and out_j = Σ_i A_ij v_i; each is
/// [N] or [N,width].
template <typename T>
struct OffsetAttentionForward {
  OffsetAttentionInputs<T> inputs;
  T* out;
  Statistic<T>* row_max;
  Statistic<T>* row_scale;
  Statistic<T>* column_scale;
};

template <typename T>
struct OffsetAttentionBackward {
  OffsetAttentionInputs<T> inputs;
  const T* grad;  ///< [N,width], the gradient of out
  const T* out;
  const Statistic<T>* row_max;
  const Statistic<T>* row_scale;
  const Statistic<T>* column_scale;
  Statistic<T>* column_dot;  ///< [N] scratch: out_j · grad_j
  Statistic<T>* row_dot;     ///< [N] scratch: Σ_j A_ij (v_i · grad_j − column_dot_j)
  T* grad_q;
  T* grad_k;
  T* grad_v;
};

/// For float, double, __half and __nv_bfloat16. From compute capability 8.0 on, all but double run
/// on tensor cores; before, the two narrow types are refused. Both throw std::runtime_error: that,
/// sizes beyond what a grid can hold, a launch that fails.
template <typename T>
void launch_offset_attention_forward(const OffsetAttentionForward<T>& params,
                                     const Scratch& scratch,
                                     cudaStream_t stream);
template <typename T>
void launch_offset_attention_backward(const OffsetAttentionBackward<T>& params,
                                      const Scratch& scratch,
                                      cudaStream_t stream);

}  // namespace pointattn::cuda
