// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>

#include "bench/peers/neighbor_peers.h"
#include <cstdint>
#include <nanoflann.hpp>
#include <utility>
#include <vector>

namespace pointattn::bench {
namespace {

struct Points {
  const float* xyz;
  size_t count;

  size_t kdtree_get_point_count() const { return count; }
  float kdtree_get_pt(size_t row, size_t axis) const { return xyz[3 * row + axis]; }
  template <typename Box>
  bool kdtree_get_bbox(Box&) const {
    return false;
  }
};
using Tree = nanoflann::
    KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<float, Points>, Points, 3, uint32_t>;

Points points_of(const at::Tensor& xyz) {
  return {xyz.const_data_ptr<float>(), static_cast<size_t>(xyz.size(0))};
}

void knn(const at::Tensor& query, const at::Tensor& xyz, const ops::Neighbors& out) {
  const Points points = points_of(xyz);
  const float* from = query.const_data_ptr<float>();
  Tree tree(3, points, nanoflann::KDTreeSingleIndexAdaptorParams(10));
  tree.buildIndex();
  const int64_t k = out.index.size(1);
  int64_t* index = out.index.mutable_data_ptr<int64_t>();
  float* sq_dist = out.sq_dist.mutable_data_ptr<float>();
#pragma omp parallel
  {
    std::vector<uint32_t> rows(static_cast<size_t>(k));
#pragma omp for schedule(dynamic, 256)
    for (int64_t m = 0; m < query.size(0); ++m) {
      tree.knnSearch(from + 3 * m, static_cast<size_t>(k), rows.data(), sq_dist + m * k);
      for (int64_t j = 0; j < k; ++j) index[m * k + j] = rows[static_cast<size_t>(j)];
    }
  }
}

int64_t within(const at::Tensor& xyz, double radius) {
  const Points points = points_of(xyz);
  Tree tree(3, points, nanoflann::KDTreeSingleIndexAdaptorParams(10));
  tree.buildIndex();
  const float sq_radius = static_cast<float>(radius * radius);
  int64_t found = 0;
#pragma omp parallel reduction(+ : found)
  {
    std::vector<std::pair<uint32_t, float>> near;
#pragma omp for schedule(dynamic, 256)
    for (int64_t m = 0; m < xyz.size(0); ++m) {
      found += static_cast<int64_t>(
          tree.radiusSearch(points.xyz + 3 * m, sq_radius, near, nanoflann::SearchParams()));
    }
  }
  return found;
}

}  // namespace

NeighborPeer nanoflann_peer() { return {"nanoflann", knn, within, {}, {}}; }

}  // namespace pointattn::bench
