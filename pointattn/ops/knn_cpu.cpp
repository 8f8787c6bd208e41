// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/knn_inputs.h"
#include "pointattn/ops/knn_tree.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <limits>

namespace pointattn::ops {
namespace {

template <typename T>
std::vector<KdTree<T>> build_trees(const SearchInputs& inputs) {
  std::vector<KdTree<T>> trees(static_cast<size_t>(inputs.clouds()));
  const T* points = inputs.points.const_data_ptr<T>();
  at::parallel_for(0, inputs.clouds(), 1, [&](int64_t begin, int64_t end) {
    for (size_t b = static_cast<size_t>(begin); b < static_cast<size_t>(end); ++b) {
      if (inputs.query_offsets[b] == inputs.query_offsets[b + 1]) continue;
      const int64_t first = inputs.point_offsets[b];
      const int64_t size = inputs.point_offsets[b + 1] - first;
      TORCH_CHECK_VALUE(size <= KdTree<T>::kMaxPoints,
                        "neighbour search: expected at most ",
                        KdTree<T>::kMaxPoints,
                        " points in a cloud, got ",
                        size);
      trees[b] = KdTree<T>(points + 3 * first, size);
    }
  });
  return trees;
}

template <typename T>
void search(const SearchInputs& inputs, T limit, const Neighbors& out) {
  const std::vector<KdTree<T>> trees = build_trees<T>(inputs);
  const std::vector<int64_t>& starts = inputs.query_offsets;
  const T* queries = inputs.query.const_data_ptr<T>();
  const int64_t k = out.index.size(1);
  int64_t* index = out.index.mutable_data_ptr<int64_t>();
  T* sq_dist = out.sq_dist.mutable_data_ptr<T>();
  at::parallel_for(0, inputs.query.size(0), 64, [&](int64_t begin, int64_t end) {
    auto next = std::upper_bound(starts.begin(), starts.end(), begin);
    for (; begin < end; ++next) {
      const size_t b = static_cast<size_t>(next - starts.begin()) - 1;
      const int64_t stop = std::min(end, *next);
      trees[b].nearest(queries + 3 * begin,
                       stop - begin,
                       limit,
                       k,
                       {index + k * begin, sq_dist + k * begin, inputs.point_offsets[b]});
      begin = stop;
    }
  });
}

std::tuple<at::Tensor, at::Tensor> knn_cpu(const at::Tensor& query,
                                           const at::Tensor& points,
                                           const at::Tensor& query_offsets,
                                           const at::Tensor& point_offsets,
                                           int64_t k) {
  const SearchInputs inputs = check_search("knn", query, points, query_offsets, point_offsets, k);
  check_enough_points("knn", inputs, k);
  const Neighbors found = search_cpu(inputs, std::numeric_limits<double>::infinity(), k);
  return {found.index, found.sq_dist};
}

}  // namespace

Neighbors search_cpu(const SearchInputs& inputs, double sq_limit, int64_t k) {
  const int64_t queries = inputs.query.size(0);
  Neighbors out{at::empty({queries, k}, inputs.query.options().dtype(at::kLong)),
                at::empty({queries, k}, inputs.query.options())};
  if (inputs.query.scalar_type() == at::kFloat) {
    search<float>(inputs, round_down<float>(sq_limit), out);
  } else {
    search<double>(inputs, round_down<double>(sq_limit), out);
  }
  return out;
}

TORCH_LIBRARY_IMPL(pointattn, CPU, m) { m.impl("knn", &knn_cpu); }

}  // namespace pointattn::ops
