// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/knn.h"

#include <ATen/core/Tensor.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace pointattn::bench {

/// Another library's neighbour search and sampling of one cloud [N,3] float32: each call builds its
/// structure and, where nothing else is said, searches with all points of the cloud, on all threads.
/// What it lacks is empty.
struct NeighborPeer {
  std::string name;
  /// The nearest points of each query [M,3]: fills index and sq_dist [M,K].
  std::function<void(const at::Tensor& query, const at::Tensor& points, const ops::Neighbors& out)>
      knn;
  /// Number of pairs within the radius. The neighbours themselves are found, and dropped.
  std::function<int64_t(const at::Tensor& xyz, double radius)> within;
  /// Takes so many farthest points.
  std::function<void(const at::Tensor& xyz, int64_t count)> farthest;
  /// Replaces the points of each cube of that edge by their mean; returns how many cubes.
  std::function<int64_t(const at::Tensor& xyz, double size)> voxels;
  /// Points that it is asked to search at most: the quadratic ones would take minutes.
  int64_t most_points = std::numeric_limits<int64_t>::max();
};

NeighborPeer nanoflann_peer();
NeighborPeer pcl_peer();
NeighborPeer open3d_peer();
NeighborPeer faiss_peer();

/// Those that were found when the project was configured.
std::vector<NeighborPeer> neighbor_peers();

}  // namespace pointattn::bench
