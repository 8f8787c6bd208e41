// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

/// Products between the rows of a ragged batch and a small matrix of each cloud, without padding.
/// Each is the derivative of the other, so both can be differentiated as often as wanted. The same
/// bits for every number of threads. Memory beyond inputs and outputs: O(B·R·C) per 2,048 rows.
namespace pointattn::ops {

/// Weighted sums of the rows of each cloud: weight [N,R], values [N,C] float32 or float64 and of one
/// dtype, offsets [B+1] int64 row starts (any device) → [B,R,C], M_b = W_bᵀ V_b. With an attention
/// over the points as weight these are part embeddings; an empty cloud gives zeros. Gradients to
/// both. Throws c10::ValueError: shapes, dtypes, offsets that do not fit.
at::Tensor ragged_pool(const at::Tensor& weight,
                       const at::Tensor& values,
                       const at::Tensor& offsets);

/// Rows times the matrix of their cloud: rows [N,K], matrices [B,K,D] of one dtype, float32 or
/// float64, offsets [B+1] int64 row starts (any device) → [N,D], out_n = x_nᵀ W_b. Gradients to
/// both. Throws c10::ValueError: shapes, dtypes, offsets that do not fit.
at::Tensor ragged_expand(const at::Tensor& rows,
                         const at::Tensor& matrices,
                         const at::Tensor& offsets);

}  // namespace pointattn::ops
