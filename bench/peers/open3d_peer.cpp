// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <open3d/geometry/KDTreeFlann.h>
#include <open3d/geometry/PointCloud.h>

#include "bench/peers/neighbor_peers.h"
#include <vector>

namespace pointattn::bench {
namespace {

/// Open3D's clouds are float64.
open3d::geometry::PointCloud cloud_of(const at::Tensor& xyz) {
  const float* from = xyz.const_data_ptr<float>();
  open3d::geometry::PointCloud cloud;
  cloud.points_.resize(static_cast<size_t>(xyz.size(0)));
  for (size_t i = 0; i < cloud.points_.size(); ++i)
    cloud.points_[i] = {from[3 * i], from[3 * i + 1], from[3 * i + 2]};
  return cloud;
}

void knn(const at::Tensor& query, const at::Tensor& points, const ops::Neighbors& out) {
  const open3d::geometry::PointCloud cloud = cloud_of(points);  // the tree only looks at it
  const open3d::geometry::KDTreeFlann tree(cloud);
  const float* from = query.const_data_ptr<float>();
  const int64_t k = out.index.size(1);
  int64_t* index = out.index.mutable_data_ptr<int64_t>();
  float* sq_dist = out.sq_dist.mutable_data_ptr<float>();
#pragma omp parallel
  {
    std::vector<int> rows;
    std::vector<double> distances;
#pragma omp for schedule(dynamic, 256)
    for (int64_t m = 0; m < query.size(0); ++m) {
      const Eigen::Vector3d point(from[3 * m], from[3 * m + 1], from[3 * m + 2]);
      tree.SearchKNN(point, static_cast<int>(k), rows, distances);
      for (size_t j = 0; j < rows.size(); ++j) {
        index[m * k + static_cast<int64_t>(j)] = rows[j];
        sq_dist[m * k + static_cast<int64_t>(j)] = static_cast<float>(distances[j]);
      }
    }
  }
}

int64_t within(const at::Tensor& xyz, double radius) {
  const open3d::geometry::PointCloud cloud = cloud_of(xyz);
  const open3d::geometry::KDTreeFlann tree(cloud);
  int64_t found = 0;
#pragma omp parallel reduction(+ : found)
  {
    std::vector<int> rows;
    std::vector<double> distances;
#pragma omp for schedule(dynamic, 256)
    for (int64_t m = 0; m < xyz.size(0); ++m)
      found += tree.SearchRadius(cloud.points_[static_cast<size_t>(m)], radius, rows, distances);
  }
  return found;
}

void farthest(const at::Tensor& xyz, int64_t count) {
  cloud_of(xyz).FarthestPointDownSample(static_cast<size_t>(count));
}

/// Its grid begins half a cube below the lowest point, not at the origin.
int64_t voxels(const at::Tensor& xyz, double size) {
  return static_cast<int64_t>(cloud_of(xyz).VoxelDownSample(size)->points_.size());
}

}  // namespace

NeighborPeer open3d_peer() { return {"Open3D", knn, within, farthest, voxels}; }

}  // namespace pointattn::bench
