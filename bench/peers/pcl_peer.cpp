// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <pcl/kdtree/kdtree_flann.h>
#include <pcl/point_cloud.h>
#include <pcl/point_types.h>

#include "bench/peers/neighbor_peers.h"
#include <vector>

namespace pointattn::bench {
namespace {

using Tree = pcl::KdTreeFLANN<pcl::PointXYZ>;

void build(const at::Tensor& xyz, Tree& tree) {
  const float* from = xyz.const_data_ptr<float>();
  auto cloud = pcl::make_shared<pcl::PointCloud<pcl::PointXYZ>>();
  cloud->resize(static_cast<size_t>(xyz.size(0)));
  for (size_t i = 0; i < cloud->size(); ++i)
    (*cloud)[i] = {from[3 * i], from[3 * i + 1], from[3 * i + 2]};
  tree.setInputCloud(cloud);
}

void knn(const at::Tensor& xyz, const ops::Neighbors& out) {
  Tree tree;
  build(xyz, tree);
  const int64_t k = out.index.size(1);
  int64_t* index = out.index.mutable_data_ptr<int64_t>();
  float* sq_dist = out.sq_dist.mutable_data_ptr<float>();
#pragma omp parallel
  {
    pcl::Indices rows;
    std::vector<float> distances;
#pragma omp for schedule(dynamic, 256)
    for (int64_t m = 0; m < xyz.size(0); ++m) {
      tree.nearestKSearch(static_cast<int>(m), static_cast<unsigned>(k), rows, distances);
      std::copy(rows.begin(), rows.end(), index + m * k);
      std::copy(distances.begin(), distances.end(), sq_dist + m * k);
    }
  }
}

int64_t within(const at::Tensor& xyz, double radius) {
  Tree tree;
  build(xyz, tree);
  int64_t found = 0;
#pragma omp parallel reduction(+ : found)
  {
    pcl::Indices rows;
    std::vector<float> distances;
#pragma omp for schedule(dynamic, 256)
    for (int64_t m = 0; m < xyz.size(0); ++m)
      found += tree.radiusSearch(static_cast<int>(m), radius, rows, distances);
  }
  return found;
}

}  // namespace

NeighborPeer pcl_peer() { return {"PCL", knn, within, {}}; }

}  // namespace pointattn::bench
