// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention_inputs.h"

#include <ATen/core/grad_mode.h>

namespace pointattn::ops {

void check_query_dtype(const char* operation, const at::Tensor& q) {
  TORCH_CHECK_VALUE(q.scalar_type() == at::kFloat || q.scalar_type() == at::kDouble,
                    operation,
                    ": expected q of dtype float or double, got ",
                    q.dtype().name());
}

void check_like_query(const char* operation,
                      const at::Tensor& tensor,
                      const char* name,
                      const at::Tensor& q) {
  TORCH_CHECK_VALUE(tensor.scalar_type() == q.scalar_type(),
                    operation,
                    ": expected ",
                    name,
                    " of dtype ",
                    q.dtype().name(),
                    " as q, got ",
                    tensor.dtype().name());
  TORCH_CHECK_VALUE(tensor.device() == q.device(),
                    operation,
                    ": expected ",
                    name,
                    " on ",
                    q.device(),
                    " as q, got ",
                    tensor.device());
}

void check_first_derivative(const char* operation) {
  TORCH_CHECK_NOT_IMPLEMENTED(!at::GradMode::is_enabled(),
                              operation,
                              ": expected first derivatives only, got create_graph=true");
}

}  // namespace pointattn::ops
