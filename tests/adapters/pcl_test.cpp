// SPDX-License-Identifier: Apache-2.0
#include "pointattn/adapters/pcl.h"

#include "tests/adapters/adapters_test.h"

#include <gtest/gtest.h>
#include <pcl/io/pcd_io.h>

#include <limits>

namespace pointattn::test {
namespace {

template <typename PointT>
pcl::PointCloud<PointT> numbered_cloud(uint32_t width, uint32_t height) {
  pcl::PointCloud<PointT> cloud(width, height);
  for (size_t i = 0; i < cloud.size(); ++i) {
    cloud[i].x = static_cast<float>(i);
    cloud[i].y = static_cast<float>(i) + 0.25F;
    cloud[i].z = static_cast<float>(i) + 0.5F;
  }
  cloud.header.frame_id = "lidar";
  cloud.header.stamp = 1234567;
  cloud.sensor_origin_ = {1, 2, 3, 0};
  return cloud;
}

template <typename PointT>
class PclCloud : public testing::Test {};
using PointTypes = testing::Types<pcl::PointXYZ,
                                  pcl::PointXYZI,
                                  pcl::PointXYZRGB,
                                  pcl::PointXYZRGBA,
                                  pcl::PointXYZRGBNormal,
                                  pcl::PointXYZL,
                                  pcl::PointXYZRGBL,
                                  pcl::PointNormal>;
TYPED_TEST_SUITE(PclCloud, PointTypes);

TYPED_TEST(PclCloud, TheViewIsTheCloudsOwnMemory) {
  auto cloud = numbered_cloud<TypeParam>(7, 1);
  const at::Tensor xyz = adapters::xyz_view(cloud);
  EXPECT_EQ(xyz.const_data_ptr(), static_cast<const void*>(&cloud[0].x));
  EXPECT_EQ(xyz.scalar_type(), at::kFloat);
  const at::Tensor expected =
      at::arange(7, at::kFloat).unsqueeze(1) + at::tensor({0.0F, 0.25F, 0.5F});
  EXPECT_TRUE(xyz.equal(expected));
  cloud[6].z = -1;
  EXPECT_EQ(xyz[6][2].template item<float>(), -1);
}

TYPED_TEST(PclCloud, LabelledKeepsTheOrderAndTheFrame) {
  auto cloud = numbered_cloud<TypeParam>(3, 2);
  cloud[4].y = std::numeric_limits<float>::quiet_NaN();
  cloud.is_dense = false;
  const auto copy = adapters::labelled(cloud, labels_in_turn(6), two_categories());
  ASSERT_EQ(copy.size(), 6U);
  EXPECT_EQ(copy.width, 3U);
  EXPECT_EQ(copy.height, 2U);
  EXPECT_EQ(copy.header.frame_id, "lidar");
  EXPECT_EQ(copy.header.stamp, 1234567U);
  EXPECT_FALSE(copy.is_dense);
  EXPECT_EQ(copy.sensor_origin_, cloud.sensor_origin_);
  for (size_t i = 0; i < copy.size(); ++i) {
    const Part& part = two_categories().part(static_cast<int64_t>(i) % 5);
    EXPECT_EQ(copy[i].x, cloud[i].x);
    EXPECT_EQ(copy[i].label, i % 5);
    EXPECT_EQ((Color{copy[i].r, copy[i].g, copy[i].b}), part.color) << i;
  }
  EXPECT_TRUE(std::isnan(copy[4].y));
}

TEST(Pcl, PaintFillsTheFieldsThatTheTypeHas) {
  auto coloured = numbered_cloud<pcl::PointXYZRGBNormal>(5, 1);
  coloured[3].normal_x = 0.5F;
  adapters::paint(coloured, labels_in_turn(5), two_categories());
  EXPECT_EQ((Color{coloured[3].r, coloured[3].g, coloured[3].b}), two_categories().part(3).color);
  EXPECT_EQ(coloured[3].normal_x, 0.5F);

  auto numbered = numbered_cloud<pcl::PointXYZL>(5, 1);
  adapters::paint(numbered, labels_in_turn(5), two_categories());
  EXPECT_EQ(numbered[3].label, 3U);
}

TEST(Pcl, AResultOfAnotherCloudIsRefusedAndChangesNothing) {
  auto cloud = numbered_cloud<pcl::PointXYZL>(5, 1);
  EXPECT_EQ(message_of([&] { adapters::paint(cloud, labels_in_turn(4), two_categories()); }),
            "labels of a cloud: expected one for each of its 5 points, got 4");
  models::Segmentation unknown = labels_in_turn(5);
  unknown.label[4] = 99;
  EXPECT_NE(message_of([&] { adapters::paint(cloud, unknown, two_categories()); }), "");
  EXPECT_EQ(cloud[1].label, 0U);
}

TEST(Pcl, SegmentsWithoutACopyAndKeepsPointsThatAreNotFinite) {
  const models::Segmenter segmenter = random_segmenter();
  auto cloud = numbered_cloud<pcl::PointXYZI>(40, 2);
  cloud[17].x = std::numeric_limits<float>::quiet_NaN();
  const auto result = segmenter.segment(adapters::xyz_view(cloud));
  const auto again = segmenter.segment(adapters::xyz_view(cloud).clone());
  EXPECT_TRUE(result.label.equal(again.label));
  EXPECT_EQ(result.confidence[17].item<float>(), 0);
  EXPECT_EQ(adapters::labelled(cloud, result, segmenter.model().spec.labels).size(), 80U);
}

TEST(Pcl, TheOperatorsRunOnClouds) {
  auto cloud = numbered_cloud<pcl::PointXYZRGBNormal>(400, 1);
  at::manual_seed(4);
  const at::Tensor xyz = at::rand({400, 3});
  adapters::xyz_view(cloud).copy_(xyz);
  expect_operators(
      xyz, adapters::knn(cloud, cloud, 16), adapters::within(cloud, cloud, 0.15), 0.15);
  const auto nine = numbered_cloud<pcl::PointXYZRGBNormal>(9, 1);
  EXPECT_EQ(adapters::knn(nine, cloud, 5).index.sizes(), (at::IntArrayRef{9, 5}));
  EXPECT_TRUE(adapters::farthest_point_sample(nine, 3).equal(
      at::tensor({int64_t{0}, int64_t{8}, int64_t{4}})));
  cloud[7].x = std::numeric_limits<float>::infinity();
  EXPECT_EQ(message_of([&] { adapters::knn(cloud, cloud, 16); }),
            "NeighborIndex: expected finite points, got NaN or infinity in row 7");
}

TEST(Pcl, AnEmptyCloudIsOneClearError) {
  const pcl::PointCloud<pcl::PointXYZ> empty;
  EXPECT_EQ(adapters::xyz_view(empty).sizes(), at::IntArrayRef({0, 3}));
  const models::Segmenter segmenter = random_segmenter();
  expect_empty_error(message_of([&] { segmenter.segment(adapters::xyz_view(empty)); }));
}

TEST(Pcl, TheExampleOfTheReadmeRuns) {
  EXPECT_TRUE(readme_shows("pcl_example.cpp"));
  const ScratchFolder folder;
  auto cloud = numbered_cloud<pcl::PointXYZ>(50, 3);
  cloud[70].y = std::numeric_limits<float>::quiet_NaN();
  ASSERT_EQ(pcl::io::savePCDFileBinary((folder / "in.pcd").string(), cloud), 0);
  ASSERT_EQ(run_example(POINTATTN_PCL_EXAMPLE, folder, "in.pcd", "out.pcd"), 0);
  pcl::PointCloud<pcl::PointXYZRGBL> labelled;
  ASSERT_EQ(pcl::io::loadPCDFile((folder / "out.pcd").string(), labelled), 0);
  ASSERT_EQ(labelled.size(), 150U);
  EXPECT_EQ(labelled.width, 50U);
  const models::Segmenter segmenter(models::load_model(folder / "m.safetensors"));
  const auto result = segmenter.segment(adapters::xyz_view(cloud));
  for (size_t i = 0; i < labelled.size(); ++i) {
    const int64_t part = result.label[static_cast<int64_t>(i)].item<int64_t>();
    EXPECT_EQ(labelled[i].x, cloud[i].x);
    EXPECT_EQ(labelled[i].label, part);
    EXPECT_EQ((Color{labelled[i].r, labelled[i].g, labelled[i].b}),
              segmenter.model().spec.labels.part(part).color);
  }
}

}  // namespace
}  // namespace pointattn::test
