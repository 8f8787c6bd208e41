// SPDX-License-Identifier: Apache-2.0
#include "cuda/knn.h"
#include "cuda/point_tree.h"
#include "pointattn/ops/knn_inputs.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace pointattn::ops {
namespace {

/// From here on a tree pays for being built.
constexpr int64_t kTreePoints = 8192;
constexpr int64_t kTreeQueries = 2048;

/// Differences of features that are held at a time.
constexpr int64_t kFeatureNumbers = int64_t{1} << 25;

at::Tensor on_device(const std::vector<int64_t>& offsets, const at::Device& device) {
  return at::tensor(offsets, at::kLong).to(device);
}

/// Rows of xyz [n,3] by their Morton code in the box of a cloud, equal codes by row.
template <typename T>
at::Tensor morton_rows(const at::Tensor& xyz, const at::Tensor& low, const at::Tensor& high) {
  const at::Tensor code = at::empty({xyz.size(0)}, xyz.options().dtype(at::kLong));
  cuda::launch_morton_codes<T>(xyz.const_data_ptr<T>(),
                               xyz.size(0),
                               low.const_data_ptr<T>(),
                               high.const_data_ptr<T>(),
                               code.mutable_data_ptr<int64_t>(),
                               c10::cuda::getCurrentCUDAStream());
  return std::get<1>(code.sort(/*stable=*/true, 0, /*descending=*/false));
}

/// Neighbours in one large cloud.
template <typename T>
void search_tree(const at::Tensor& query,
                 const at::Tensor& points,
                 int64_t first_row,
                 double sq_limit,
                 const at::Tensor& index,
                 const at::Tensor& sq_dist) {
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
  const at::Tensor low = points.amin(0), high = points.amax(0);
  const at::Tensor order = morton_rows<T>(points, low, high);
  cuda::PointTree<T> tree{};
  tree.points = points.size(0);
  tree.levels = cuda::levels_of(tree.points);
  const int64_t places = tree.levels.begin[1] * cuda::kFanOut;
  const auto rows = points.options().dtype(at::kInt);
  const at::Tensor xyz = at::empty({3, places}, points.options());
  const at::Tensor row = at::empty({places}, rows);
  const at::Tensor box = at::empty({6, tree.levels.nodes()}, points.options());
  const at::Tensor least_row = at::empty({tree.levels.nodes()}, rows);
  tree.xyz = xyz.mutable_data_ptr<T>();
  tree.row = row.mutable_data_ptr<int32_t>();
  tree.box = box.mutable_data_ptr<T>();
  tree.least_row = least_row.mutable_data_ptr<int32_t>();
  cuda::launch_build_tree<T>(
      tree, points.const_data_ptr<T>(), order.const_data_ptr<int64_t>(), stream);

  const bool same = query.data_ptr() == points.data_ptr() && query.size(0) == points.size(0);
  const at::Tensor query_order = same ? order : morton_rows<T>(query, low, high);
  cuda::TreeSearch<T> params{};
  params.tree = tree;
  params.query = query.const_data_ptr<T>();
  params.order = query_order.const_data_ptr<int64_t>();
  params.queries = query.size(0);
  params.k = index.size(1);
  params.first_row = first_row;
  params.sq_limit = round_down<T>(sq_limit);
  params.index = index.mutable_data_ptr<int64_t>();
  params.sq_dist = sq_dist.mutable_data_ptr<T>();
  cuda::launch_tree_search<T>(params, stream);
}

/// The queries of the clouds [first, last), by brute force.
template <typename T>
void search_all(
    const SearchInputs& inputs, size_t first, size_t last, double sq_limit, const Neighbors& out) {
  const std::vector<int64_t>& rows = inputs.query.offsets;
  if (rows[first] == rows[last]) return;
  const at::Tensor query_offsets = on_device(rows, inputs.query.xyz.device());
  const at::Tensor point_offsets = on_device(inputs.points.offsets, inputs.query.xyz.device());
  cuda::KnnParams<T> params{};
  params.query = inputs.query.xyz.const_data_ptr<T>();
  params.points = inputs.points.xyz.const_data_ptr<T>();
  params.query_offsets = query_offsets.const_data_ptr<int64_t>();
  params.point_offsets = point_offsets.const_data_ptr<int64_t>();
  params.first_query = rows[first];
  params.queries = rows[last] - rows[first];
  params.clouds = inputs.query.clouds();
  params.k = out.index.size(1);
  params.sq_limit = round_down<T>(sq_limit);
  params.index = out.index.mutable_data_ptr<int64_t>();
  params.sq_dist = out.sq_dist.mutable_data_ptr<T>();
  cuda::launch_knn(params, c10::cuda::getCurrentCUDAStream());
}

template <typename T>
void search(const SearchInputs& inputs, double sq_limit, const Neighbors& out) {
  const std::vector<int64_t>& queries = inputs.query.offsets;
  const std::vector<int64_t>& points = inputs.points.offsets;
  const size_t clouds = queries.size() - 1;
  size_t small = 0;  // the first cloud that is not searched yet
  for (size_t b = 0; b < clouds; ++b) {
    const int64_t m = queries[b + 1] - queries[b];
    const int64_t n = points[b + 1] - points[b];
    TORCH_CHECK_VALUE(n < std::numeric_limits<int32_t>::max(),
                      "knn: expected less than 2^31 points a cloud, got ",
                      n);
    if (n < kTreePoints || m < kTreeQueries || out.index.size(1) > cuda::kMostInRegisters) continue;
    search_all<T>(inputs, small, b, sq_limit, out);
    small = b + 1;
    search_tree<T>(inputs.query.xyz.narrow(0, queries[b], m),
                   inputs.points.xyz.narrow(0, points[b], n),
                   points[b],
                   sq_limit,
                   out.index.narrow(0, queries[b], m),
                   out.sq_dist.narrow(0, queries[b], m));
  }
  search_all<T>(inputs, small, clouds, sq_limit, out);
}

/// Neighbours among features [·,D]: exact distances, tile by tile, sorted by distance and row.
void search_features(const SearchInputs& inputs, const Neighbors& out) {
  const int64_t k = out.index.size(1);
  for (int64_t b = 0; b < inputs.query.clouds(); ++b) {
    const auto cloud = static_cast<size_t>(b);
    const int64_t first = inputs.points.offsets[cloud];
    const int64_t n = inputs.points.offsets[cloud + 1] - first;
    const at::Tensor points = inputs.points.xyz.narrow(0, first, n).to(at::kDouble);
    const int64_t end = inputs.query.offsets[cloud + 1];
    const int64_t rows =
        std::max<int64_t>(1, kFeatureNumbers / std::max<int64_t>(1, points.numel()));
    for (int64_t m = inputs.query.offsets[cloud]; m < end; m += rows) {
      const int64_t some = std::min(rows, end - m);
      const at::Tensor query = inputs.query.xyz.narrow(0, m, some).to(at::kDouble);
      const at::Tensor distance =
          (points - query.unsqueeze(1)).square_().sum(2).to(out.sq_dist.scalar_type());
      const auto [sorted, row] = distance.sort(/*stable=*/true, 1, /*descending=*/false);
      out.sq_dist.narrow(0, m, some).copy_(sorted.narrow(1, 0, k));
      out.index.narrow(0, m, some).copy_(row.narrow(1, 0, k) + first);
    }
  }
}

std::tuple<at::Tensor, at::Tensor> knn_cuda(const at::Tensor& query,
                                            const at::Tensor& points,
                                            const at::Tensor& query_offsets,
                                            const at::Tensor& point_offsets,
                                            int64_t k) {
  const SearchInputs inputs =
      check_search("knn", query, points, query_offsets, point_offsets, k, /*dims=*/0);
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
  if (inputs.query.xyz.size(1) != 3) {
    search_features(inputs, out);
  } else if (inputs.query.xyz.scalar_type() == at::kFloat) {
    search<float>(inputs, sq_limit, out);
  } else {
    search<double>(inputs, sq_limit, out);
  }
  return out;
}

TORCH_LIBRARY_IMPL(pointattn, CUDA, m) { m.impl("knn", &knn_cuda); }

}  // namespace pointattn::ops
