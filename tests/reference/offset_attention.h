// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::reference {

/// Offset attention by loops in float64, straight from the definition in
/// pointattn/ops/offset_attention.h. [N,C] float64.
at::Tensor offset_attention(const at::Tensor& q,
                            const at::Tensor& k,
                            const at::Tensor& v,
                            const at::Tensor& offsets);

/// The same with LibTorch's own operators, cloud by cloud, in the dtype of the inputs;
/// differentiable by autograd.
at::Tensor eager_offset_attention(const at::Tensor& q,
                                  const at::Tensor& k,
                                  const at::Tensor& v,
                                  const at::Tensor& offsets);

}  // namespace pointattn::reference
