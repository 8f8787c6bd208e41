// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/adapters/cloud_ops.h"
#include "pointattn/adapters/point_labels.h"

#include <pcl/point_cloud.h>
#include <pcl/point_types.h>
#include <pcl/type_traits.h>

/// Clouds of PCL in and out of segmentation, and under the operators (target pointattn_pcl).
///
///   const auto result = segmenter.segment(adapters::xyz_view(cloud));
///   const auto labelled = adapters::labelled(cloud, result, segmenter.model().spec.labels);
///   const ops::Neighbors near = adapters::knn(cloud, cloud, 16);
///
/// Points keep their order and their number, points that are not finite included.
namespace pointattn::adapters {

template <typename PointT>
concept HasXyz = requires {
  requires pcl::traits::has_xyz<PointT>::value;
};
template <typename PointT>
concept HasColor = requires(PointT& point) {
  point.r = point.g = point.b = uint8_t{};
};
template <typename PointT>
concept HasLabel = requires(PointT& point) {
  point.label = uint32_t{};
};

/// The coordinates of a cloud, float32 [N,3], without a copy: a strided view that is to be read
/// only, valid as long as the cloud is neither changed in size nor destroyed.
template <HasXyz PointT>
at::Tensor xyz_view(const pcl::PointCloud<PointT>& cloud) {
  namespace fields = pcl::fields;
  namespace traits = pcl::traits;
  static_assert(traits::offset<PointT, fields::y>::value ==
                        traits::offset<PointT, fields::x>::value + sizeof(float) &&
                    traits::offset<PointT, fields::z>::value ==
                        traits::offset<PointT, fields::y>::value + sizeof(float) &&
                    sizeof(PointT) % sizeof(float) == 0,
                "x, y and z must be float and lie one behind another");
  return strided_xyz(
      cloud.empty() ? nullptr : &cloud.front().x, cloud.size(), sizeof(PointT) / sizeof(float));
}
template <HasXyz PointT>
at::Tensor xyz_view(const pcl::PointCloud<PointT>&& cloud) = delete;  // the view would outlive it

/// The operators on a cloud, in float32, its coordinates copied once: see cloud_ops.h. Query and
/// points may be one cloud.
template <HasXyz PointT>
ops::Neighbors knn(const pcl::PointCloud<PointT>& query,
                   const pcl::PointCloud<PointT>& points,
                   int64_t k) {
  return knn(xyz_view(query), xyz_view(points), k);
}
template <HasXyz PointT>
ops::RaggedNeighbors within(const pcl::PointCloud<PointT>& query,
                            const pcl::PointCloud<PointT>& points,
                            double radius) {
  return within(xyz_view(query), xyz_view(points), radius);
}
template <HasXyz PointT>
at::Tensor farthest_point_sample(const pcl::PointCloud<PointT>& points, int64_t count) {
  return farthest_point_sample(xyz_view(points), count);
}

/// Writes part ids and part colours into the points, into those of `label` and `r g b` that their
/// type has. Throws c10::ValueError when the result is not of this cloud, and changes nothing then.
template <typename PointT>
requires HasColor<PointT> || HasLabel<PointT>
void paint(pcl::PointCloud<PointT>& cloud,
           const models::Segmentation& result,
           const LabelMap& labels) {
  const PointLabels found = point_labels(result, labels, cloud.size());
  for (size_t i = 0; i < cloud.size(); ++i) {
    if constexpr (HasColor<PointT>) {
      cloud[i].r = found.color[i][0];
      cloud[i].g = found.color[i][1];
      cloud[i].b = found.color[i][2];
    }
    if constexpr (HasLabel<PointT>) cloud[i].label = static_cast<uint32_t>(found.part[i]);
  }
}

/// A cloud of the same points with part ids and part colours; header, width, height, is_dense,
/// origin and orientation are those of `cloud`. Throws c10::ValueError when the result is not of
/// this cloud.
template <HasXyz PointT>
pcl::PointCloud<pcl::PointXYZRGBL> labelled(const pcl::PointCloud<PointT>& cloud,
                                            const models::Segmentation& result,
                                            const LabelMap& labels) {
  pcl::PointCloud<pcl::PointXYZRGBL> copy(cloud.width, cloud.height);
  copy.header = cloud.header;
  copy.is_dense = cloud.is_dense;
  copy.sensor_origin_ = cloud.sensor_origin_;
  copy.sensor_orientation_ = cloud.sensor_orientation_;
  for (size_t i = 0; i < cloud.size(); ++i) copy[i].getVector3fMap() = cloud[i].getVector3fMap();
  paint(copy, result, labels);
  return copy;
}

}  // namespace pointattn::adapters
