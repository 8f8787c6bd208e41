// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <pcl/filters/voxel_grid.h>
#include <pcl/kdtree/kdtree_flann.h>
#include <pcl/point_cloud.h>
#include <pcl/point_types.h>

#include "bench/peers/neighbor_peers.h"
#include <vector>

namespace pointattn::bench {
namespace {

using Cloud = pcl::PointCloud<pcl::PointXYZ>;
using Tree = pcl::KdTreeFLANN<pcl::PointXYZ>;

Cloud::Ptr cloud_of(const at::Tensor& xyz) {
  const float* from = xyz.const_data_ptr<float>();
  auto cloud = pcl::make_shared<Cloud>();
  cloud->resize(static_cast<size_t>(xyz.size(0)));
  for (size_t i = 0; i < cloud->size(); ++i)
    (*cloud)[i] = {from[3 * i], from[3 * i + 1], from[3 * i + 2]};
  return cloud;
}

void knn(const at::Tensor& query, const at::Tensor& points, const ops::Neighbors& out) {
  Tree tree;
  tree.setInputCloud(cloud_of(points));
  const float* from = query.const_data_ptr<float>();
  const int64_t k = out.index.size(1);
  int64_t* index = out.index.mutable_data_ptr<int64_t>();
  float* sq_dist = out.sq_dist.mutable_data_ptr<float>();
#pragma omp parallel
  {
    pcl::Indices rows;
    std::vector<float> distances;
#pragma omp for schedule(dynamic, 256)
    for (int64_t m = 0; m < query.size(0); ++m) {
      const pcl::PointXYZ point(from[3 * m], from[3 * m + 1], from[3 * m + 2]);
      tree.nearestKSearch(point, static_cast<unsigned>(k), rows, distances);
      std::copy(rows.begin(), rows.end(), index + m * k);
      std::copy(distances.begin(), distances.end(), sq_dist + m * k);
    }
  }
}

int64_t within(const at::Tensor& xyz, double radius) {
  Tree tree;
  tree.setInputCloud(cloud_of(xyz));
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

/// The same cells as ours, numbered in float32.
int64_t voxels(const at::Tensor& xyz, double size) {
  pcl::VoxelGrid<pcl::PointXYZ> grid;
  const float edge = static_cast<float>(size);
  grid.setLeafSize(edge, edge, edge);
  grid.setInputCloud(cloud_of(xyz));
  Cloud means;
  grid.filter(means);
  return static_cast<int64_t>(means.size());
}

}  // namespace

NeighborPeer pcl_peer() { return {"PCL", knn, within, {}, voxels}; }

}  // namespace pointattn::bench
