// SPDX-License-Identifier: Apache-2.0
#include "pointattn/adapters/open3d.h"

#include <utility>

namespace pointattn::adapters {

static_assert(sizeof(Eigen::Vector3d) == 3 * sizeof(double));

at::Tensor xyz_view(const open3d::geometry::PointCloud& cloud) {
  return strided_xyz(
      cloud.points_.empty() ? nullptr : cloud.points_.front().data(), cloud.points_.size(), 3);
}

ops::Neighbors knn(const open3d::geometry::PointCloud& query,
                   const open3d::geometry::PointCloud& points,
                   int64_t k) {
  return knn(xyz_view(query), xyz_view(points), k);
}

ops::RaggedNeighbors within(const open3d::geometry::PointCloud& query,
                            const open3d::geometry::PointCloud& points,
                            double radius) {
  return within(xyz_view(query), xyz_view(points), radius);
}

at::Tensor farthest_point_sample(const open3d::geometry::PointCloud& points, int64_t count) {
  return farthest_point_sample(xyz_view(points), count);
}

LabelledPointCloud labelled(const open3d::geometry::PointCloud& cloud,
                            const models::Segmentation& result,
                            const LabelMap& labels) {
  PointLabels found = point_labels(result, labels, cloud.points_.size());
  LabelledPointCloud copy{cloud, std::move(found.part)};
  copy.cloud.colors_.resize(found.color.size());
  for (size_t i = 0; i < found.color.size(); ++i) {
    const Color& color = found.color[i];
    copy.cloud.colors_[i] = Eigen::Vector3d(color[0], color[1], color[2]) / 255.0;
  }
  return copy;
}

}  // namespace pointattn::adapters
