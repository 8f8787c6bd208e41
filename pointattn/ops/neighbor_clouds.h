// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/knn_tree.h"
#include "pointattn/ops/neighbor_index.h"

#include <ATen/core/Tensor.h>

#include <variant>
#include <vector>

namespace pointattn::ops {

/// The trees of a batch of clouds; tensors and offsets are those of NeighborIndex after its checks.
/// Searches run on all of LibTorch's threads, over clouds and over the queries of one cloud.
class NeighborClouds {
 public:
  NeighborClouds(const at::Tensor& points, std::vector<int64_t> offsets);

  /// The nearest k no further than the squared distance, empty places padded.
  Neighbors nearest(const at::Tensor& query,
                    const std::vector<int64_t>& query_offsets,
                    double sq_limit,
                    int64_t k) const;

  /// All no further than the squared distance.
  RaggedNeighbors within(const at::Tensor& query,
                         const std::vector<int64_t>& query_offsets,
                         double sq_limit) const;

 private:
  template <typename T>
  using Trees = std::vector<KdTree<T>>;

  template <typename T>
  Trees<T> build() const;
  /// Calls look(cloud, queries, first) for portions of the queries of each cloud, `first` being the
  /// cloud's first query.
  template <typename T, typename Look>
  void for_portions(const at::Tensor& query,
                    const std::vector<int64_t>& query_offsets,
                    const Look& look) const;

  at::Tensor points_;
  std::vector<int64_t> offsets_;
  std::variant<Trees<float>, Trees<double>> trees_;
};

}  // namespace pointattn::ops
