// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

/// Checks that the attention operators share; each throws c10::ValueError.
namespace pointattn::ops {

/// q must be float, double, half or bfloat16.
void check_query_dtype(const char* operation, const at::Tensor& q);

/// Of half or bfloat16.
inline bool is_narrow(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16;
}

/// float32 of half and bfloat16; others as they are.
inline at::Tensor widened(const at::Tensor& tensor) {
  return is_narrow(tensor) ? tensor.to(at::kFloat) : tensor;
}

/// `tensor`, called `name` in messages, must have the dtype and device of q.
void check_like_query(const char* operation,
                      const at::Tensor& tensor,
                      const char* name,
                      const at::Tensor& q);

/// `tensor` must be what the forward pass keeps of rows, see row_options.
void check_row_statistic(const char* operation,
                         const at::Tensor& tensor,
                         const char* name,
                         const at::Tensor& q);

/// Of maxima and sums of rows: the device of q, its dtype or float if that is narrower.
at::TensorOptions row_options(const at::Tensor& q);

/// Backward passes have no derivative of their own: throws c10::NotImplementedError when one is
/// recorded (create_graph=true).
void check_first_derivative(const char* operation);

}  // namespace pointattn::ops
