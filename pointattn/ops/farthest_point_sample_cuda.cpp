// SPDX-License-Identifier: Apache-2.0
#include "cuda/farthest_point_sample.h"
#include "pointattn/ops/farthest_point_sample_inputs.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

namespace pointattn::ops {
namespace {

template <typename T>
void sample(const SampleInputs& inputs, const at::Tensor& taken) {
  const at::Tensor offsets = at::tensor(inputs.offsets, at::kLong).to(taken.device());
  const at::Tensor starts = at::tensor(inputs.starts, at::kLong).to(taken.device());
  const at::Tensor sq_dist = at::empty({inputs.points.size(0)}, inputs.points.options());
  cuda::FarthestPointSampleParams<T> params{};
  params.points = inputs.points.const_data_ptr<T>();
  params.offsets = offsets.const_data_ptr<int64_t>();
  params.starts = starts.const_data_ptr<int64_t>();
  params.clouds = static_cast<int64_t>(inputs.offsets.size()) - 1;
  params.sq_dist = sq_dist.mutable_data_ptr<T>();
  params.taken = taken.mutable_data_ptr<int64_t>();
  cuda::launch_farthest_point_sample(params, c10::cuda::getCurrentCUDAStream());
}

at::Tensor farthest_point_sample_cuda(const at::Tensor& points,
                                      const at::Tensor& offsets,
                                      const at::Tensor& counts) {
  const SampleInputs inputs = check_sample(points, offsets, counts);
  const c10::cuda::CUDAGuard guard(points.device());
  const at::Tensor taken = at::empty({inputs.starts.back()}, points.options().dtype(at::kLong));
  if (points.scalar_type() == at::kFloat) {
    sample<float>(inputs, taken);
  } else {
    sample<double>(inputs, taken);
  }
  return taken;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CUDA, m) {
  m.impl("farthest_point_sample", &farthest_point_sample_cuda);
}

}  // namespace pointattn::ops
