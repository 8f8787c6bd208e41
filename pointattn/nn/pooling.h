// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::nn {

/// Largest value of each channel in each cloud: [N,C], offsets [B+1] → [B,C]. Every cloud needs a
/// point. Gradients to `feat`, shared evenly by equal maxima.
at::Tensor max_pool(const at::Tensor& feat, const at::Tensor& offsets);

/// Mean of each channel in each cloud: [N,C], offsets [B+1] → [B,C]. Every cloud needs a point.
at::Tensor mean_pool(const at::Tensor& feat, const at::Tensor& offsets);

/// A row per cloud repeated for each of its points: [B,C], offsets [B+1] → [N,C].
at::Tensor repeat_per_point(const at::Tensor& rows, const at::Tensor& offsets);

}  // namespace pointattn::nn
