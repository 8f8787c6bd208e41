// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace pointattn::reference {

/// Plain attention by loops in float64, straight from the definition in pointattn/ops/attention.h.
/// [M,H,C] float64 on the CPU.
at::Tensor attention(const at::Tensor& q,
                     const at::Tensor& k,
                     const at::Tensor& v,
                     const at::Tensor& query_offsets,
                     const at::Tensor& key_offsets,
                     const std::optional<at::Tensor>& bias,
                     double scale);

/// The same with LibTorch's own operators, cloud by cloud, in the dtype of the inputs;
/// differentiable by autograd.
at::Tensor eager_attention(const at::Tensor& q,
                           const at::Tensor& k,
                           const at::Tensor& v,
                           const at::Tensor& query_offsets,
                           const at::Tensor& key_offsets,
                           const std::optional<at::Tensor>& bias,
                           double scale);

}  // namespace pointattn::reference
