// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::nn {

/// rows · weightᵀ + bias, as at::linear; rows [N,C_in], weight [C_out,C_in], bias [C_out] or
/// undefined → [N,C_out]. Inside the scope of a ReducedProducts the product of large matrices takes
/// bfloat16 inputs; the result, the weights and all gradients that are kept stay float32.
at::Tensor project(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias = {});

/// Whether a ReducedProducts lives on this thread.
bool products_are_reduced();

/// While one lives, project() on this thread multiplies in bfloat16, with 8 bits of mantissa: faster
/// with AMX, with AVX512-BF16 alone perhaps slower.
class ReducedProducts {
 public:
  explicit ReducedProducts(bool on);
  ~ReducedProducts();
  ReducedProducts(const ReducedProducts&) = delete;
  ReducedProducts& operator=(const ReducedProducts&) = delete;

 private:
  bool before_;
};

}  // namespace pointattn::nn
