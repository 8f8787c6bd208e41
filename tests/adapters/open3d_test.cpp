// SPDX-License-Identifier: Apache-2.0
// The whole of Open3D before and after the adapter: their headers must get along.
#include <open3d/Open3D.h>
//
#include "pointattn/adapters/open3d.h"
#include "pointattn/core/point_batch.h"
#include "tests/adapters/adapters_test.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace pointattn::test {
namespace {

open3d::geometry::PointCloud numbered_cloud(int points) {
  open3d::geometry::PointCloud cloud;
  for (int i = 0; i < points; ++i) {
    cloud.points_.emplace_back(i, i + 0.25, i + 0.5);
    cloud.normals_.emplace_back(0, 0, 1);
  }
  return cloud;
}

TEST(Open3d, TheViewIsTheCloudsOwnMemory) {
  auto cloud = numbered_cloud(7);
  const at::Tensor xyz = adapters::xyz_view(cloud);
  EXPECT_EQ(xyz.const_data_ptr(), static_cast<const void*>(cloud.points_.data()));
  EXPECT_EQ(xyz.scalar_type(), at::kDouble);
  EXPECT_TRUE(xyz.equal(at::arange(7, at::kDouble).unsqueeze(1) + at::tensor({0.0, 0.25, 0.5})));
}

TEST(Open3d, LabelledKeepsTheOrderAndSetsColours) {
  auto cloud = numbered_cloud(6);
  cloud.points_[4].y() = std::numeric_limits<double>::quiet_NaN();
  const auto [copy, part] = adapters::labelled(cloud, labels_in_turn(6), two_categories());
  EXPECT_EQ(part, (std::vector<int64_t>{0, 1, 2, 3, 4, 0}));
  ASSERT_EQ(copy.points_.size(), 6U);
  EXPECT_EQ(copy.normals_, cloud.normals_);
  for (size_t i = 0; i < 6; ++i) {
    const Color& color = two_categories().part(part[i]).color;
    EXPECT_EQ(copy.points_[i].x(), cloud.points_[i].x());
    for (int c = 0; c < 3; ++c)
      EXPECT_EQ(std::lround(copy.colors_[i][c] * 255), color[static_cast<size_t>(c)]);
  }
  EXPECT_TRUE(std::isnan(copy.points_[4].y()));
}

TEST(Open3d, AResultOfAnotherCloudIsRefused) {
  const auto cloud = numbered_cloud(5);
  EXPECT_EQ(message_of([&] { adapters::labelled(cloud, labels_in_turn(4), two_categories()); }),
            "labels of a cloud: expected one for each of its 5 points, got 4");
}

TEST(Open3d, AnEmptyCloudIsOneClearError) {
  const open3d::geometry::PointCloud empty;
  EXPECT_EQ(adapters::xyz_view(empty).sizes(), at::IntArrayRef({0, 3}));
  const models::Segmenter segmenter = random_segmenter();
  expect_empty_error(message_of([&] { segmenter.segment(adapters::xyz_view(empty)); }));
}

TEST(Open3d, TheOperatorsRunOnTheCloudsOwnMemory) {
  open3d::geometry::PointCloud cloud;
  at::manual_seed(4);
  const at::Tensor xyz = at::rand({400, 3}, at::kDouble);
  for (int64_t i = 0; i < 400; ++i)
    cloud.points_.emplace_back(xyz.const_data_ptr<double>() + 3 * i);
  const ops::NeighborIndex index(adapters::xyz_view(cloud), offsets_of({400}));
  EXPECT_EQ(index.points().const_data_ptr(), static_cast<const void*>(cloud.points_.data()));
  expect_operators(
      xyz, adapters::knn(cloud, cloud, 16), adapters::within(cloud, cloud, 0.15), 0.15);
  const auto other = numbered_cloud(3);
  EXPECT_EQ(adapters::knn(other, cloud, 5).index.sizes(), (at::IntArrayRef{3, 5}));
  EXPECT_TRUE(adapters::farthest_point_sample(numbered_cloud(9), 3)
                  .equal(at::tensor({int64_t{0}, int64_t{8}, int64_t{4}})));
  cloud.points_[7].x() = std::numeric_limits<double>::infinity();
  EXPECT_EQ(message_of([&] { adapters::knn(cloud, cloud, 16); }),
            "NeighborIndex: expected finite points, got NaN or infinity in row 7");
}

TEST(Open3d, ItsMessagesPrintBesideLibTorchsHeaders) {
  std::string printed;
  auto& logger = open3d::utility::Logger::GetInstance();
  logger.SetPrintFunction([&](const std::string& text) { printed += text; });
  open3d::utility::LogWarning("{} of {:.2f}", 3, 0.5);
  logger.ResetPrintFunction();
  EXPECT_NE(printed.find("3 of 0.50"), std::string::npos) << printed;
}

TEST(Open3d, TheExampleOfTheReadmeRuns) {
  EXPECT_TRUE(readme_shows("open3d_example.cpp"));
  const ScratchFolder folder;
  const auto cloud = numbered_cloud(150);
  ASSERT_TRUE(open3d::io::WritePointCloud((folder / "in.ply").string(), cloud));
  ASSERT_EQ(run_example(POINTATTN_OPEN3D_EXAMPLE, folder, "in.ply", "out.ply"), 0);
  open3d::geometry::PointCloud labelled;
  ASSERT_TRUE(open3d::io::ReadPointCloud((folder / "out.ply").string(), labelled));
  const models::Segmenter segmenter(models::load_model(folder / "m.safetensors"));
  const auto [expected, part] = adapters::labelled(
      cloud, segmenter.segment(adapters::xyz_view(cloud)), segmenter.model().spec.labels);
  EXPECT_EQ(labelled.points_, expected.points_);
  ASSERT_EQ(labelled.colors_.size(), expected.colors_.size());
  for (size_t i = 0; i < labelled.colors_.size(); ++i)
    EXPECT_LT((labelled.colors_[i] - expected.colors_[i]).norm(), 1e-6) << i;
}

}  // namespace
}  // namespace pointattn::test
