// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace pointattn::ops {

/// Shapes, dtypes and devices of the gather operators; throw c10::ValueError. The range of the
/// index is left to each backend.
void check_gather(const at::Tensor& feat, const at::Tensor& index);
void check_weighted_gather(const at::Tensor& feat,
                           const at::Tensor& index,
                           const at::Tensor& weight);
void check_gather_backward(const at::Tensor& grad,
                           const at::Tensor& index,
                           const std::optional<at::Tensor>& weight,
                           int64_t rows);

/// Throws unless lowest ≥ −1 and highest < rows.
void check_index_range(int64_t lowest, int64_t highest, int64_t rows);

}  // namespace pointattn::ops
