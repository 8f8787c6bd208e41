// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention_inputs.h"

#include <ATen/OpMathType.h>
#include <ATen/core/grad_mode.h>

namespace pointattn::ops {

namespace {

void check_query_device(const char* operation,
                        const at::Tensor& tensor,
                        const char* name,
                        const at::Tensor& q) {
  TORCH_CHECK_VALUE(tensor.device() == q.device(),
                    operation,
                    ": expected ",
                    name,
                    " on ",
                    q.device(),
                    " as q, got ",
                    tensor.device());
}

}  // namespace

void check_query_dtype(const char* operation, const at::Tensor& q) {
  const at::ScalarType type = q.scalar_type();
  TORCH_CHECK_VALUE(type == at::kFloat || type == at::kDouble || is_narrow(q),
                    operation,
                    ": expected q of dtype float, double, half or bfloat16, got ",
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
  check_query_device(operation, tensor, name, q);
}

at::TensorOptions row_options(const at::Tensor& q) {
  return q.options().dtype(at::toOpMathType(q.scalar_type()));
}

void check_row_statistic(const char* operation,
                         const at::Tensor& tensor,
                         const char* name,
                         const at::Tensor& q) {
  const at::TensorOptions options = row_options(q);
  TORCH_CHECK_VALUE(tensor.dtype() == options.dtype(),
                    operation,
                    ": expected ",
                    name,
                    " of dtype ",
                    options.dtype().name(),
                    ", got ",
                    tensor.dtype().name());
  check_query_device(operation, tensor, name, q);
}

void check_first_derivative(const char* operation) {
  TORCH_CHECK_NOT_IMPLEMENTED(!at::GradMode::is_enabled(),
                              operation,
                              ": expected first derivatives only, got create_graph=true");
}

}  // namespace pointattn::ops
