// SPDX-License-Identifier: Apache-2.0
#include "cuda/farthest_point_sample.h"
#include "pointattn/ops/farthest_point_sample_inputs.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <algorithm>

namespace pointattn::ops {
namespace {

template <typename T>
void sample(const SampleInputs& inputs, const at::Tensor& taken) {
  const at::Tensor offsets = at::tensor(inputs.offsets, at::kLong).to(taken.device());
  const at::Tensor starts = at::tensor(inputs.starts, at::kLong).to(taken.device());
  const at::Tensor sq_dist = at::empty({inputs.points.size(0)}, inputs.points.options());
  const int64_t clouds = static_cast<int64_t>(inputs.offsets.size()) - 1;
  const auto bytes = sq_dist.options().dtype(at::kByte);
  const at::Tensor found = at::empty(
      {clouds * 2 * cuda::kMostBlocksOfACloud * static_cast<int64_t>(sizeof(cuda::Farthest<T>))},
      bytes);
  const at::Tensor arrived = at::zeros({clouds}, sq_dist.options().dtype(at::kInt));
  cuda::FarthestPointSampleParams<T> params{};
  params.points = inputs.points.const_data_ptr<T>();
  params.offsets = offsets.const_data_ptr<int64_t>();
  params.starts = starts.const_data_ptr<int64_t>();
  params.clouds = clouds;
  for (size_t b = 0; b + 1 < inputs.offsets.size(); ++b)
    params.most_points = std::max(params.most_points, inputs.offsets[b + 1] - inputs.offsets[b]);
  params.sq_dist = sq_dist.mutable_data_ptr<T>();
  params.found = static_cast<cuda::Farthest<T>*>(found.mutable_data_ptr());
  params.arrived = static_cast<unsigned*>(arrived.mutable_data_ptr());
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
