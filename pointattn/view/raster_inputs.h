// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/rasterizer.h"

namespace pointattn::view {

/// Throws c10::ValueError unless xyz is float32 [N,3], N below 2³¹, project float32 [V,4,4] and the
/// size 1 to 65536.
void check_raster_inputs(const char* op,
                         const at::Tensor& xyz,
                         const at::Tensor& project,
                         int64_t height,
                         int64_t width);

/// Depth +inf and index −1 everywhere.
Raster empty_raster(int64_t cameras, int64_t height, int64_t width);

}  // namespace pointattn::view
