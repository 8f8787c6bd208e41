// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/vector_attention.h"

#include <ATen/core/Tensor.h>

namespace pointattn::ops {

/// Checks the inputs of vector_attention and names its weights; throws c10::ValueError. Reads the
/// index (on a GPU one synchronisation): a wrong one would read foreign memory.
VectorAttentionWeights check_vector_attention(const at::Tensor& xyz,
                                              const at::Tensor& query,
                                              const at::Tensor& key,
                                              const at::Tensor& value,
                                              const at::Tensor& index,
                                              at::TensorList weights);

/// `rows` as it is where its rows are dense in memory, at any distance, or a copy.
at::Tensor with_dense_rows(const at::Tensor& rows);

}  // namespace pointattn::ops
