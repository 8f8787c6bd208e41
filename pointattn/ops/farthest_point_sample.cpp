// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/farthest_point_sample.h"

#include "pointattn/core/check.h"
#include "pointattn/ops/farthest_point_sample_inputs.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

namespace pointattn::ops {

SampleInputs check_sample(const at::Tensor& points,
                          const at::Tensor& offsets,
                          const at::Tensor& counts) {
  constexpr const char* kName = "farthest_point_sample";
  ShapeCheck check(kName);
  check(points, "points", {"N", 3});
  TORCH_CHECK_VALUE(points.scalar_type() == at::kFloat || points.scalar_type() == at::kDouble,
                    kName,
                    ": expected float32 or float64 points, got ",
                    points.scalar_type());
  SampleInputs inputs{
      points.contiguous(), checked_offsets(kName, offsets, "offsets", points.size(0)), {0}};
  const int64_t clouds = static_cast<int64_t>(inputs.offsets.size()) - 1;
  check.bind("B", clouds);
  check(counts, "counts", {"B"});
  TORCH_CHECK_VALUE(counts.scalar_type() == at::kLong,
                    kName,
                    ": expected int64 counts, got ",
                    counts.scalar_type());
  const at::Tensor host = counts.to(at::kCPU).contiguous();
  for (int64_t b = 0; b < clouds; ++b) {
    const size_t cloud = static_cast<size_t>(b);
    const int64_t size = inputs.offsets[cloud + 1] - inputs.offsets[cloud];
    const int64_t count = host.const_data_ptr<int64_t>()[b];
    TORCH_CHECK_VALUE(count >= 0 && count <= size,
                      kName,
                      ": expected a count of 0 … ",
                      size,
                      " for cloud ",
                      b,
                      ", got ",
                      count);
    inputs.starts.push_back(inputs.starts.back() + count);
  }
  check_finite(kName, points, "points");
  return inputs;
}

at::Tensor farthest_point_sample(const at::Tensor& points,
                                 const at::Tensor& offsets,
                                 const at::Tensor& counts) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::farthest_point_sample", "")
                             .typed<decltype(farthest_point_sample)>();
  return op.call(points, offsets, counts);
}

// No Meta kernel: the size of the result lies in the values of `counts`. No gradient: the result is
// integer.
TORCH_LIBRARY_FRAGMENT(pointattn, m) {
  m.def("farthest_point_sample(Tensor points, Tensor offsets, Tensor counts) -> Tensor");
}

}  // namespace pointattn::ops
