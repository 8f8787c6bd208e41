// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/adapters/cloud_ops.h"
#include "pointattn/adapters/point_labels.h"

#include <open3d/geometry/PointCloud.h>

/// Clouds of Open3D in and out of segmentation, and under the operators (target pointattn_open3d).
///
///   const auto result = segmenter.segment(adapters::xyz_view(cloud));
///   const auto labelled = adapters::labelled(cloud, result, segmenter.model().spec.labels);
///   const ops::Neighbors near = adapters::knn(cloud, cloud, 16);
///
/// Points keep their order and their number, points that are not finite included.
namespace pointattn::adapters {

/// The coordinates of a cloud, float64 [N,3], without a copy: a view that is to be read only, valid
/// as long as the cloud is neither changed in size nor destroyed.
at::Tensor xyz_view(const open3d::geometry::PointCloud& cloud);
at::Tensor xyz_view(const open3d::geometry::PointCloud&& cloud) = delete;  // it would outlive it

/// The operators on a cloud's own memory, in float64: see cloud_ops.h. Query and points may be one
/// cloud.
ops::Neighbors knn(const open3d::geometry::PointCloud& query,
                   const open3d::geometry::PointCloud& points,
                   int64_t k);
ops::RaggedNeighbors within(const open3d::geometry::PointCloud& query,
                            const open3d::geometry::PointCloud& points,
                            double radius);
at::Tensor farthest_point_sample(const open3d::geometry::PointCloud& points, int64_t count);

/// Open3D's cloud has no place for labels, so they travel beside it.
struct LabelledPointCloud {
  open3d::geometry::PointCloud cloud;
  std::vector<int64_t> part;  ///< global part id of each point
};

/// A copy of the cloud, normals and covariances included, in the colours of its parts, and their
/// ids. Throws c10::ValueError when the result is not of this cloud.
LabelledPointCloud labelled(const open3d::geometry::PointCloud& cloud,
                            const models::Segmentation& result,
                            const LabelMap& labels);

}  // namespace pointattn::adapters
