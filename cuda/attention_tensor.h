// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/attention.h"
#include "cuda/offset_attention.h"

namespace pointattn::cuda {

/// The launches of cuda/attention.h and cuda/offset_attention.h on tensor cores of compute
/// capability 8.0 or later, for float, __half and __nv_bfloat16.
template <typename T>
void launch_attention_forward_on_tensor_cores(const AttentionForward<T>& params,
                                              const Scratch& scratch,
                                              cudaStream_t stream);
template <typename T>
void launch_attention_backward_on_tensor_cores(const AttentionBackward<T>& params,
                                               const Scratch& scratch,
                                               cudaStream_t stream);
template <typename T>
void launch_offset_attention_forward_on_tensor_cores(const OffsetAttentionForward<T>& params,
                                                     const Scratch& scratch,
                                                     cudaStream_t stream);
template <typename T>
void launch_offset_attention_backward_on_tensor_cores(const OffsetAttentionBackward<T>& params,
                                                      const Scratch& scratch,
                                                      cudaStream_t stream);

}  // namespace pointattn::cuda
