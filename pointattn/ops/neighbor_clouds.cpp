// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/neighbor_clouds.h"

#include "pointattn/ops/knn_inputs.h"
#include "pointattn/ops/morton_order.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace pointattn::ops {
namespace {

/// Runs work(0) … work(count − 1), each thread taking the next that is left: the cost of a portion
/// of queries depends on where they lie.
template <typename Work>
void take_turns(int64_t count, const Work& work) {
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(count, at::get_num_threads()), 1, [&](int64_t, int64_t) {
    for (int64_t i = next++; i < count; i = next++) work(i);
  });
}

}  // namespace

NeighborClouds::NeighborClouds(const at::Tensor& points, std::vector<int64_t> offsets)
    : points_(points), offsets_(std::move(offsets)) {
  if (points_.scalar_type() == at::kFloat) {
    trees_ = build<float>();
  } else {
    trees_ = build<double>();
  }
}

template <typename T>
NeighborClouds::Trees<T> NeighborClouds::build() const {
  const T* points = points_.const_data_ptr<T>();
  const int64_t clouds = static_cast<int64_t>(offsets_.size()) - 1;
  const int threads = at::get_num_threads();
  Trees<T> trees(static_cast<size_t>(clouds));
  const auto build_one = [&](int64_t cloud, int with_threads) {
    const size_t b = static_cast<size_t>(cloud);
    const int64_t size = offsets_[b + 1] - offsets_[b];
    TORCH_CHECK_VALUE(size <= KdTree<T>::kMaxPoints,
                      "neighbour search: expected at most ",
                      KdTree<T>::kMaxPoints,
                      " points in a cloud, got ",
                      size);
    trees[b] = KdTree<T>(points + 3 * offsets_[b], size, with_threads);
  };
  if (clouds < threads && !at::in_parallel_region()) {
    for (int64_t b = 0; b < clouds; ++b) build_one(b, threads);
  } else {
    take_turns(clouds, [&](int64_t b) { build_one(b, 1); });
  }
  return trees;
}

template <typename T, typename Look>
void NeighborClouds::for_portions(const at::Tensor& query,
                                  const std::vector<int64_t>& query_offsets,
                                  const Look& look) const {
  const Trees<T>& trees = std::get<Trees<T>>(trees_);
  const T* queries = query.const_data_ptr<T>();
  const T* points = points_.const_data_ptr<T>();
  // Queries in an order in which neighbours come together: that of the tree where they are its
  // points. A few are taken as they come.
  constexpr int64_t kFew = 32;
  std::vector<std::vector<int32_t>> sorted(trees.size());
  std::vector<const int32_t*> orders(trees.size());
  take_turns(static_cast<int64_t>(trees.size()), [&](int64_t cloud) {
    const size_t b = static_cast<size_t>(cloud);
    const int64_t count = query_offsets[b + 1] - query_offsets[b];
    const T* first = queries + 3 * query_offsets[b];
    if (first == points + 3 * offsets_[b] && count == trees[b].size()) {
      orders[b] = trees[b].rows();
    } else if (count > kFew) {
      sorted[b] = morton_order(first, count);
      orders[b] = sorted[b].data();
    }
  });

  struct Portion {
    size_t cloud;
    int64_t begin, end;
  };
  std::vector<Portion> portions;
  const int64_t share = query.size(0) / (8 * int64_t{at::get_num_threads()});
  const int64_t size = std::clamp<int64_t>(share / 16 * 16, 16, 1024);
  for (size_t b = 0; b < trees.size(); ++b) {
    const int64_t count = query_offsets[b + 1] - query_offsets[b];
    for (int64_t begin = 0; begin < count; begin += size)
      portions.push_back({b, begin, std::min(begin + size, count)});
  }
  take_turns(static_cast<int64_t>(portions.size()), [&](int64_t i) {
    const auto [b, begin, end] = portions[static_cast<size_t>(i)];
    const int64_t first = query_offsets[b];
    const int32_t* order = orders[b];
    // Without an order the portion itself begins at row 0.
    const int64_t skipped = order == nullptr ? begin : 0;
    look(b,
         search::Queries<T>{queries + 3 * (first + skipped),
                            order == nullptr ? nullptr : order + begin,
                            end - begin},
         first + skipped);
  });
}

Neighbors NeighborClouds::nearest(const at::Tensor& query,
                                  const std::vector<int64_t>& query_offsets,
                                  double sq_limit,
                                  int64_t k) const {
  const Neighbors out{at::empty({query.size(0), k}, query.options().dtype(at::kLong)),
                      at::empty({query.size(0), k}, query.options())};
  const auto run = [&]<typename T>(const Trees<T>& trees) {
    int64_t* index = out.index.mutable_data_ptr<int64_t>();
    T* sq_dist = out.sq_dist.mutable_data_ptr<T>();
    const T limit = round_down<T>(sq_limit);
    for_portions<T>(
        query, query_offsets, [&](size_t b, const search::Queries<T>& queries, int64_t first) {
          trees[b].nearest(
              queries, limit, {index + first * k, sq_dist + first * k, offsets_[b], k, nullptr});
        });
  };
  std::visit(run, trees_);
  return out;
}

RaggedNeighbors NeighborClouds::within(const at::Tensor& query,
                                       const std::vector<int64_t>& query_offsets,
                                       double sq_limit) const {
  RaggedNeighbors out;
  const auto run = [&]<typename T>(const Trees<T>& trees) {
    const T limit = round_down<T>(sq_limit);
    at::Tensor counts = at::empty({query.size(0)}, query.options().dtype(at::kLong));
    int64_t* count = counts.mutable_data_ptr<int64_t>();
    for_portions<T>(
        query, query_offsets, [&](size_t b, const search::Queries<T>& queries, int64_t first) {
          trees[b].count(queries, limit, count + first);
        });
    out.offsets = at::zeros({query.size(0) + 1}, counts.options());
    out.offsets.narrow(0, 1, query.size(0)).copy_(counts.cumsum(0));
    const int64_t* starts = out.offsets.const_data_ptr<int64_t>();
    const int64_t found = starts[query.size(0)];
    out.index = at::empty({found}, counts.options());
    out.sq_dist = at::empty({found}, query.options());
    int64_t* index = out.index.mutable_data_ptr<int64_t>();
    T* sq_dist = out.sq_dist.mutable_data_ptr<T>();
    for_portions<T>(
        query, query_offsets, [&](size_t b, const search::Queries<T>& queries, int64_t first) {
          trees[b].nearest(queries, limit, {index, sq_dist, offsets_[b], 0, starts + first});
        });
  };
  std::visit(run, trees_);
  return out;
}

}  // namespace pointattn::ops
