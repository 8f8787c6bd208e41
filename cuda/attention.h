// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/attention_tiles.h"

#include <cuda_runtime_api.h>

namespace pointattn::cuda {

/// What both passes read: device pointers, row-major, contiguous.
template <typename T>
struct AttentionInputs {
  const T* q;                  ///< [M,heads,depth]
  const T* k;                  ///< [N,heads,depth]
  const T* v;                  ///< [N,heads,width]
  const T* bias;               ///< [N,heads] or null
  AttentionTiles query_tiles;  ///< rows of q and the keys that they meet
  int64_t queries;             ///< M
  int64_t keys;                ///< N
  int64_t heads;
  int64_t depth;
  int64_t width;
  Statistic<T> scale;
  bool
      tf32;  ///< lets tensor cores round float operands to 11 bits; else they are split in two halves
};

/// P_ij = exp(scale q_i · k_j + bias_j − row_max_i) row_scale_i and out_i = Σ_j P_ij v_j.
template <typename T>
struct AttentionForward {
  AttentionInputs<T> inputs;
  T* out;                   ///< [M,heads,width]
  Statistic<T>* row_max;    ///< [heads,M]
  Statistic<T>* row_scale;  ///< [heads,M], 0 for a row without keys
};

template <typename T>
struct AttentionBackward {
  AttentionInputs<T> inputs;
  AttentionTiles key_tiles;  ///< rows of k and the queries that they meet
  const T* grad;             ///< [M,heads,width], the gradient of out
  const T* out;
  const Statistic<T>* row_max;
  const Statistic<T>* row_scale;
  Statistic<T>* row_dot;  ///< [M,heads] scratch: out_i · grad_i
  T* grad_q;
  T* grad_k;
  T* grad_v;
  T* grad_bias;  ///< [N,heads] or null
};

/// For float, double, __half and __nv_bfloat16. From compute capability 8.0 on, all but double run
/// on tensor cores; before, the two narrow types are refused. Both throw std::runtime_error: that,
/// sizes beyond what a grid can hold, a launch that fails.
template <typename T>
void launch_attention_forward(const AttentionForward<T>& params,
                              const Scratch& scratch,
                              cudaStream_t stream);
template <typename T>
void launch_attention_backward(const AttentionBackward<T>& params,
                               const Scratch& scratch,
                               cudaStream_t stream);

}  // namespace pointattn::cuda
