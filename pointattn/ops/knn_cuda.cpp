// SPDX-License-Identifier: Apache-2.0
#include "cuda/knn.h"
#include "pointattn/ops/knn_inputs.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <limits>

namespace pointattn::ops {
namespace {

at::Tensor on_device(const std::vector<int64_t>& offsets, const at::Device& device) {
  return at::tensor(offsets, at::kLong).to(device);
}

template <typename T>
void search(const SearchInputs& inputs, double sq_limit, const Neighbors& out) {
  const at::Tensor query_offsets = on_device(inputs.query.offsets, inputs.query.xyz.device());
  const at::Tensor point_offsets = on_device(inputs.points.offsets, inputs.query.xyz.device());
  cuda::KnnParams<T> params{};
  params.query = inputs.query.xyz.const_data_ptr<T>();
  params.points = inputs.points.xyz.const_data_ptr<T>();
  params.query_offsets = query_offsets.const_data_ptr<int64_t>();
  params.point_offsets = point_offsets.const_data_ptr<int64_t>();
  params.queries = inputs.query.xyz.size(0);
  params.clouds = inputs.query.clouds();
  params.k = out.index.size(1);
  params.sq_limit = round_down<T>(sq_limit);
  params.index = out.index.mutable_data_ptr<int64_t>();
  params.sq_dist = out.sq_dist.mutable_data_ptr<T>();
  cuda::launch_knn(params, c10::cuda::getCurrentCUDAStream());
}

std::tuple<at::Tensor, at::Tensor> knn_cuda(const at::Tensor& query,
                                            const at::Tensor& points,
                                            const at::Tensor& query_offsets,
                                            const at::Tensor& point_offsets,
                                            int64_t k) {
  const SearchInputs inputs = check_search("knn", query, points, query_offsets, point_offsets, k);
  check_enough_points("knn", inputs.query, inputs.points, k);
  const Neighbors found = search_cuda(inputs, std::numeric_limits<double>::infinity(), k);
  return {found.index, found.sq_dist};
}

}  // namespace

Neighbors search_cuda(const SearchInputs& inputs, double sq_limit, int64_t k) {
  const c10::cuda::CUDAGuard guard(inputs.query.xyz.device());
  const int64_t queries = inputs.query.xyz.size(0);
  Neighbors out{at::empty({queries, k}, inputs.query.xyz.options().dtype(at::kLong)),
                at::empty({queries, k}, inputs.query.xyz.options())};
  if (inputs.query.xyz.scalar_type() == at::kFloat) {
    search<float>(inputs, sq_limit, out);
  } else {
    search<double>(inputs, sq_limit, out);
  }
  return out;
}

TORCH_LIBRARY_IMPL(pointattn, CUDA, m) { m.impl("knn", &knn_cuda); }

}  // namespace pointattn::ops
