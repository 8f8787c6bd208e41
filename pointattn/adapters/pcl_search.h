// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/adapters/cloud_search.h"

#include <pcl/common/point_tests.h>
#include <pcl/search/kdtree.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace pointattn::adapters {

/// This project's neighbour search for PCL's algorithms (target pointattn_pcl_search):
///
///   pcl::NormalEstimationOMP<pcl::PointXYZ, pcl::Normal> normals;
///   normals.setSearchMethod(pcl::make_shared<adapters::PclSearch<pcl::PointXYZ>>());
///   pcl::IterativeClosestPoint<pcl::PointXYZ, pcl::PointXYZ> icp;
///   icp.setSearchMethodTarget(pcl::make_shared<adapters::PclSearch<pcl::PointXYZ>>());
///
/// PCL's registration takes nothing but its own k-d tree, so this is one by type; of that tree
/// nothing is used, so its epsilon and point representation are without effect.
///
/// Exact, nearest first, equal distances by lower place; distances are squared, a radius is
/// inclusive. As in PCL's own trees, points that are not finite are never found, and k above the
/// number of points gives all. A query that is not finite finds nothing. Queries by index of the
/// input cloud (what normals, features and segmentation ask) are answered for the whole cloud at
/// once; see CloudSearch. One object may be searched by many threads.
template <typename PointT>
class PclSearch : public pcl::search::KdTree<PointT> {
 public:
  using Base = pcl::search::Search<PointT>;
  using Base::nearestKSearch;
  using Base::radiusSearch;
  using typename Base::IndicesConstPtr;
  using typename Base::PointCloud;
  using typename Base::PointCloudConstPtr;

  PclSearch() { this->name_ = "pointattn"; }

  void setInputCloud(const PointCloudConstPtr& cloud,
                     const IndicesConstPtr& indices = IndicesConstPtr()) override {
    Base::setInputCloud(cloud, indices);
    std::vector<float> xyz;
    std::vector<int> rows;
    place_.assign(cloud->size(), kNone);
    const auto take = [&](int row) {
      const PointT& point = (*cloud)[static_cast<size_t>(row)];
      if (!finite(point)) return;
      place_[static_cast<size_t>(row)] = static_cast<int>(rows.size());
      rows.push_back(row);
      xyz.insert(xyz.end(), {point.x, point.y, point.z});
    };
    if (indices) {
      for (const int row : *indices) take(row);
    } else {
      xyz.reserve(3 * cloud->size());
      rows.reserve(cloud->size());
      for (size_t row = 0; row < cloud->size(); ++row) take(static_cast<int>(row));
    }
    search_ = std::make_unique<CloudSearch>(std::move(xyz), std::move(rows));
  }

  int nearestKSearch(const PointT& point,
                     int k,
                     pcl::Indices& index,
                     std::vector<float>& sq_dist) const override {
    if (!finite(point)) return nothing(index, sq_dist);
    const float xyz[3] = {point.x, point.y, point.z};
    return search_->nearest(xyz, k, std::numeric_limits<double>::infinity(), index, sq_dist);
  }

  int nearestKSearch(const PointCloud& cloud,
                     pcl::index_t row,
                     int k,
                     pcl::Indices& index,
                     std::vector<float>& sq_dist) const override {
    const int place = place_of(cloud, row);
    if (place == kNone) return nearestKSearch(cloud[static_cast<size_t>(row)], k, index, sq_dist);
    return search_->nearest_at(place, k, index, sq_dist);
  }

  int radiusSearch(const PointT& point,
                   double radius,
                   pcl::Indices& index,
                   std::vector<float>& sq_dist,
                   unsigned int max_nn = 0) const override {
    if (!finite(point)) return nothing(index, sq_dist);
    const float xyz[3] = {point.x, point.y, point.z};
    if (max_nn > 0) return search_->nearest(xyz, max_nn, radius, index, sq_dist);
    return search_->within(xyz, radius, index, sq_dist);
  }

  int radiusSearch(const PointCloud& cloud,
                   pcl::index_t row,
                   double radius,
                   pcl::Indices& index,
                   std::vector<float>& sq_dist,
                   unsigned int max_nn = 0) const override {
    const int place = place_of(cloud, row);
    if (place == kNone || max_nn > 0)
      return radiusSearch(cloud[static_cast<size_t>(row)], radius, index, sq_dist, max_nn);
    return search_->within_at(place, radius, index, sq_dist);
  }

 private:
  static constexpr int kNone = -1;

  static bool finite(const PointT& point) {
    return std::isfinite(point.x) && std::isfinite(point.y) && std::isfinite(point.z);
  }
  static int nothing(pcl::Indices& index, std::vector<float>& sq_dist) {
    index.clear();
    sq_dist.clear();
    return 0;
  }

  /// Place of a point of the input cloud in the search; kNone for another cloud's.
  int place_of(const PointCloud& cloud, pcl::index_t row) const {
    return &cloud == this->input_.get() ? place_[static_cast<size_t>(row)] : kNone;
  }

  std::vector<int> place_;
  std::unique_ptr<CloudSearch> search_;
};

}  // namespace pointattn::adapters
