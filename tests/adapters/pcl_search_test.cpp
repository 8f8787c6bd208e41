// SPDX-License-Identifier: Apache-2.0
#include "pointattn/adapters/pcl_search.h"

#include <gtest/gtest.h>
#include <pcl/common/transforms.h>
#include <pcl/features/normal_3d_omp.h>
#include <pcl/point_types.h>
#include <pcl/registration/icp.h>
#include <pcl/search/kdtree.h>

#include <algorithm>
#include <limits>
#include <random>

namespace pointattn::test {
namespace {

using Point = pcl::PointXYZ;
using Cloud = pcl::PointCloud<Point>;

/// A bumpy sheet with a few points that are not finite.
Cloud::Ptr sheet(size_t count) {
  std::mt19937 generator(5);
  std::uniform_real_distribution<float> uniform(0, 1);
  auto cloud = pcl::make_shared<Cloud>();
  for (size_t i = 0; i < count; ++i) {
    const float x = uniform(generator);
    const float y = uniform(generator);
    cloud->push_back(Point(x, y, 0.1F * std::sin(9 * x) * std::cos(7 * y)));
    if (i % 101 == 50) cloud->back().y = std::numeric_limits<float>::quiet_NaN();
  }
  cloud->is_dense = false;
  return cloud;
}

class PclSearchTest : public testing::Test {
 protected:
  void SetUp() override {
    ours_.setInputCloud(cloud_);
    theirs_.setInputCloud(cloud_);
  }

  void expect_same() {
    EXPECT_EQ(index_, expected_index_);
    ASSERT_EQ(sq_dist_.size(), expected_sq_dist_.size());
    for (size_t i = 0; i < sq_dist_.size(); ++i) EXPECT_FLOAT_EQ(sq_dist_[i], expected_sq_dist_[i]);
  }

  Cloud::Ptr cloud_ = sheet(3000);
  adapters::PclSearch<Point> ours_;
  pcl::search::KdTree<Point> theirs_;
  pcl::Indices index_, expected_index_;
  std::vector<float> sq_dist_, expected_sq_dist_;
};

TEST_F(PclSearchTest, FindsWhatPclsTreeFinds) {
  for (int row = 0; row < 3000; row += 7) {
    if (!pcl::isFinite((*cloud_)[static_cast<size_t>(row)])) continue;
    EXPECT_EQ(ours_.nearestKSearch(row, 12, index_, sq_dist_), 12);
    theirs_.nearestKSearch(row, 12, expected_index_, expected_sq_dist_);
    expect_same();
    ours_.nearestKSearch(*cloud_, row, 5, index_, sq_dist_);
    theirs_.nearestKSearch(*cloud_, row, 5, expected_index_, expected_sq_dist_);
    expect_same();
    EXPECT_EQ(ours_.radiusSearch(*cloud_, row, 0.04, index_, sq_dist_),
              theirs_.radiusSearch(*cloud_, row, 0.04, expected_index_, expected_sq_dist_));
    expect_same();
    const Point other(0.01F * static_cast<float>(row % 100), 0.4F, 0.1F);
    ours_.nearestKSearch(other, 3, index_, sq_dist_);
    theirs_.nearestKSearch(other, 3, expected_index_, expected_sq_dist_);
    expect_same();
    ours_.radiusSearch(other, 0.3, index_, sq_dist_);
    theirs_.radiusSearch(other, 0.3, expected_index_, expected_sq_dist_);
    expect_same();
    EXPECT_EQ(ours_.radiusSearch(other, 0.3, index_, sq_dist_, 4), 4);
    EXPECT_TRUE(std::equal(index_.begin(), index_.end(), expected_index_.begin()));
  }
}

TEST_F(PclSearchTest, SubsetsOtherCloudsAndTooManyNeighbors) {
  const auto subset = pcl::make_shared<pcl::Indices>(pcl::Indices{9, 700, 50, 20, 1500});
  ours_.setInputCloud(cloud_, subset);  // row 50 is not finite
  EXPECT_EQ(ours_.nearestKSearch(*cloud_, 700, 10, index_, sq_dist_), 4);
  EXPECT_EQ(index_.front(), 700);
  EXPECT_EQ(sq_dist_.front(), 0);
  EXPECT_EQ(ours_.radiusSearch(*cloud_, 20, 1e9, index_, sq_dist_), 4);
  const Cloud::Ptr other = sheet(10);
  EXPECT_EQ(ours_.nearestKSearch(*other, 9, 1, index_, sq_dist_), 1);
  EXPECT_EQ(index_.front(), 9);
  EXPECT_EQ(ours_.nearestKSearch((*cloud_)[50], 1, index_, sq_dist_), 0);
  EXPECT_TRUE(index_.empty());
}

TEST_F(PclSearchTest, NormalsAreThoseOfPclsTree) {
  pcl::PointCloud<pcl::Normal> got, expected;
  for (const bool by_radius : {false, true}) {
    for (pcl::PointCloud<pcl::Normal>* normals : {&got, &expected}) {
      pcl::NormalEstimationOMP<Point, pcl::Normal> estimation(2);
      estimation.setInputCloud(cloud_);
      if (normals == &got) {
        estimation.setSearchMethod(pcl::make_shared<adapters::PclSearch<Point>>());
      } else {
        estimation.setSearchMethod(pcl::make_shared<pcl::search::KdTree<Point>>());
      }
      if (by_radius) {
        estimation.setRadiusSearch(0.05);
      } else {
        estimation.setKSearch(16);
      }
      estimation.compute(*normals);
    }
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      if (!pcl::isFinite((*cloud_)[i])) continue;
      EXPECT_NEAR(
          std::abs(got[i].getNormalVector3fMap().dot(expected[i].getNormalVector3fMap())), 1, 1e-4);
    }
  }
}

TEST(PclSearch, IcpFindsThePoseThatItFindsOnPclsTree) {
  const Cloud::Ptr target = sheet(2000);
  target->erase(
      std::remove_if(
          target->begin(), target->end(), [](const Point& point) { return !pcl::isFinite(point); }),
      target->end());
  target->is_dense = true;
  Eigen::Affine3f moved = Eigen::Affine3f::Identity();
  moved.translation() << 0.02F, -0.01F, 0.015F;
  moved.rotate(Eigen::AngleAxisf(0.05F, Eigen::Vector3f(1, 2, 3).normalized()));
  const auto source = pcl::make_shared<Cloud>();
  pcl::transformPointCloud(*target, *source, moved);
  const auto ours = pcl::make_shared<adapters::PclSearch<Point>>();
  const auto ours_of_source = pcl::make_shared<adapters::PclSearch<Point>>();
  for (const bool reciprocal : {false, true}) {
    Eigen::Matrix4f pose[2];
    for (const bool on_ours : {false, true}) {
      pcl::IterativeClosestPoint<Point, Point> icp;
      if (on_ours) {
        icp.setSearchMethodTarget(ours);
        icp.setSearchMethodSource(ours_of_source);
      }
      icp.setUseReciprocalCorrespondences(reciprocal);
      icp.setInputSource(source);
      icp.setInputTarget(target);
      icp.setMaximumIterations(60);
      Cloud aligned;
      icp.align(aligned);
      EXPECT_TRUE(icp.hasConverged());
      pose[on_ours] = icp.getFinalTransformation();
    }
    EXPECT_EQ(ours->getInputCloud(), target);  // it was searched
    EXPECT_LT((pose[1] - pose[0]).cwiseAbs().maxCoeff(), 1e-5F);
    EXPECT_LT((pose[1] * moved.matrix() - Eigen::Matrix4f::Identity()).cwiseAbs().maxCoeff(),
              1e-3F);
  }
}

}  // namespace
}  // namespace pointattn::test
