// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/raster_inputs.h"

#include <ATen/Functions.h>
#include <c10/util/Exception.h>

#include <limits>

namespace pointattn::view {

void check_raster_inputs(const char* op,
                         const at::Tensor& xyz,
                         const at::Tensor& project,
                         int64_t height,
                         int64_t width) {
  TORCH_CHECK_VALUE(xyz.dim() == 2 && xyz.size(1) == 3 && xyz.scalar_type() == at::kFloat &&
                        xyz.is_cpu() && xyz.size(0) <= std::numeric_limits<int32_t>::max(),
                    op,
                    ": expected xyz [N,3] float32 on the CPU, got ",
                    xyz.sizes(),
                    " ",
                    xyz.scalar_type());
  TORCH_CHECK_VALUE(project.dim() == 3 && project.size(1) == 4 && project.size(2) == 4 &&
                        project.scalar_type() == at::kFloat && project.is_cpu(),
                    op,
                    ": expected project [V,4,4] float32 on the CPU, got ",
                    project.sizes(),
                    " ",
                    project.scalar_type());
  TORCH_CHECK_VALUE(height >= 1 && height <= 65536 && width >= 1 && width <= 65536,
                    op,
                    ": expected a size of 1 to 65536, got ",
                    width,
                    "x",
                    height);
}

Raster empty_raster(int64_t cameras, int64_t height, int64_t width) {
  return {at::full({cameras, height, width}, std::numeric_limits<float>::infinity(), at::kFloat),
          at::full({cameras, height, width}, -1, at::kInt)};
}

}  // namespace pointattn::view
