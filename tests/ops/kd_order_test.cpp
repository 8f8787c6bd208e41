// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/kd_order.h"

#include "pointattn/ops/morton_order.h"
#include "tests/support/clouds.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace pointattn::ops {
namespace {

using test::Cloud;

std::vector<int32_t> sorted(std::vector<int32_t> rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<int32_t> all_rows(int64_t n) {
  std::vector<int32_t> rows(static_cast<size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

TEST(KdOrder, IsAPermutationThatEveryNumberOfThreadsGives) {
  for (Cloud kind : test::kClouds) {
    for (int64_t n : {1, 16, 17, 1000, 40'000}) {
      const at::Tensor points = test::make_cloud(kind, n, 1).to(at::kFloat).contiguous();
      std::vector<int32_t> rows[2];
      for (int threads : {1, 3}) {
        for (const auto& point : kd_order(points.const_data_ptr<float>(), n, 16, threads)) {
          rows[threads / 3].push_back(point.row);
          ASSERT_EQ(point.xyz[1], points.const_data_ptr<float>()[3 * point.row + 1]);
        }
      }
      EXPECT_EQ(rows[0], rows[1]) << test::cloud_name(kind) << " n=" << n;
      EXPECT_EQ(sorted(rows[0]), all_rows(n)) << test::cloud_name(kind) << " n=" << n;
    }
  }
}

TEST(KdOrder, LeavesAreSmallBoxes) {
  const at::Tensor points = test::make_cloud(Cloud::kRandom, 4096, 2).contiguous();
  const auto placed = kd_order(points.const_data_ptr<double>(), 4096, 16, 1);
  double volume = 0;
  for (size_t leaf = 0; leaf < placed.size(); leaf += 16) {
    double product = 1;
    for (int axis = 0; axis < 3; ++axis) {
      const auto less = [axis](const auto& a, const auto& b) { return a.xyz[axis] < b.xyz[axis]; };
      const auto [low, high] = std::minmax_element(placed.begin() + static_cast<int64_t>(leaf),
                                                   placed.begin() + static_cast<int64_t>(leaf) + 16,
                                                   less);
      product *= high->xyz[axis] - low->xyz[axis];
    }
    volume += product;
  }
  EXPECT_LT(volume, 1.0);  // boxes that do not overlap, in the unit cube
}

TEST(MortonOrder, IsAPermutationAlongWhichPointsAreNear) {
  for (Cloud kind : test::kClouds) {
    for (int64_t n : {0, 1, 2, 5000}) {
      const at::Tensor points = test::make_cloud(kind, n, 3).contiguous();
      EXPECT_EQ(sorted(morton_order(points.const_data_ptr<double>(), n)), all_rows(n));
    }
  }
  const at::Tensor points = test::make_cloud(Cloud::kRandom, 4096, 4).contiguous();
  const std::vector<int32_t> rows = morton_order(points.const_data_ptr<double>(), 4096);
  const at::Tensor order = at::tensor(rows, at::kLong);
  const at::Tensor steps = points.index({order}).diff(1, 0).norm(2, 1);
  EXPECT_LT(steps.mean().item<double>(), 0.1);
}

TEST(MortonOrder, HugeBoxesAreTakenAsOneCell) {
  const at::Tensor points = at::tensor({-3e38F, 0.0F, 0.0F, 3e38F, 1.0F, 0.0F}).view({2, 3});
  EXPECT_EQ(sorted(morton_order(points.const_data_ptr<float>(), 2)), all_rows(2));
}

}  // namespace
}  // namespace pointattn::ops
