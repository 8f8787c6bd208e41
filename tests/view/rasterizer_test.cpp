// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/rasterizer.h"

#include "pointattn/view/camera.h"
#include "pointattn/view/render.h"
#include "tests/view/clouds.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace pointattn::view {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// x and y are pixels, z is depth.
at::Tensor parallel() { return at::eye(4, at::kFloat).unsqueeze(0); }

/// A camera two units before the unit cube.
at::Tensor pinhole(int64_t height, int64_t width) {
  Camera camera;
  camera.eye = {0.4, 0.7, 3};
  camera.target = {0.5, 0.5, 0.5};
  camera.fov = 40;
  return projection(camera, height, width);
}

/// (u, v, depth, w) of points in float64.
at::Tensor projected(const at::Tensor& xyz, const at::Tensor& project) {
  const at::Tensor wide = at::cat({xyz, at::ones({xyz.size(0), 1})}, 1).to(at::kDouble);
  at::Tensor out = wide.matmul(project[0].to(at::kDouble).t());
  out.select(1, 0).div_(out.select(1, 3));
  out.select(1, 1).div_(out.select(1, 3));
  return out;
}

TEST(RasterizePoints, TheNearestWinsAndTiesGoToTheLowerIndex) {
  const at::Tensor xyz = at::tensor({2.5, 1.5, 7.0, 2.5, 1.5, 5.0, 2.4, 1.6, 5.0, 0.1, 0.1, 9.0})
                             .to(at::kFloat)
                             .view({4, 3});
  const Raster raster = rasterize_points(xyz, parallel(), 3, 4, {0.1F});
  EXPECT_EQ(raster.index[0][1][2].item<int>(), 1);
  EXPECT_EQ(raster.depth[0][1][2].item<float>(), 5);
  EXPECT_EQ(raster.index[0][0][0].item<int>(), 3);
  EXPECT_EQ(raster.index.ge(0).sum().item<int64_t>(), 2);
  EXPECT_EQ(raster.depth.isinf().sum().item<int64_t>(), 10);
}

TEST(RasterizePoints, AgreesWithEveryPixelAgainstEveryPoint) {
  constexpr int64_t kHeight = 41;
  constexpr int64_t kWidth = 53;
  const at::Tensor xyz = test::random_points(211, 7);
  const at::Tensor project = pinhole(kHeight, kWidth);
  const double focal = kHeight / 2.0 / std::tan(20 * std::numbers::pi / 180);
  const Splat splat{0.8F, 0.05F};
  const Raster raster = rasterize_points(xyz, project, kHeight, kWidth, splat);
  const at::Tensor spots = projected(xyz, project);
  const auto spot = spots.accessor<double, 2>();
  int64_t covered = 0;
  for (int64_t y = 0; y < kHeight; ++y) {
    for (int64_t x = 0; x < kWidth; ++x) {
      const double u = static_cast<double>(x) + 0.5;
      const double v = static_cast<double>(y) + 0.5;
      double nearest = kInfinity;
      bool edge = false;  // too near to a rim to ask for one answer in float32
      for (int64_t i = 0; i < 211; ++i) {
        const double radius = std::max<double>(splat.pixels, splat.world * focal / spot[i][3]);
        const double off = std::hypot(u - spot[i][0], v - spot[i][1]);
        edge |= std::abs(off - radius) < 1e-3;
        const bool own = std::floor(spot[i][0]) == u - 0.5 && std::floor(spot[i][1]) == v - 0.5;
        if (off <= radius || own) nearest = std::min(nearest, spot[i][2]);
      }
      if (edge) continue;
      const float depth = raster.depth[0][y][x].item<float>();
      if (std::isinf(nearest)) {
        EXPECT_EQ(depth, kInfinity) << x << ' ' << y;
        EXPECT_EQ(raster.index[0][y][x].item<int>(), -1);
      } else {
        EXPECT_NEAR(depth, nearest, 1e-4) << x << ' ' << y;
        ++covered;
      }
    }
  }
  EXPECT_GT(covered, 300);
}

TEST(RasterizePoints, ABallIsNearestInItsMiddle) {
  const at::Tensor xyz = at::tensor({5.5, 5.5, 10.0}).to(at::kFloat).view({1, 3});
  const Raster raster = rasterize_points(xyz, parallel(), 11, 11, {0.5F, 4, true});
  EXPECT_NEAR(raster.depth[0][5][5].item<float>(), 6, 1e-5);
  EXPECT_NEAR(raster.depth[0][5][8].item<float>(), 10 - std::sqrt(16.0 - 9.0), 1e-5);
}

TEST(RasterizePoints, ABatchIsItsViewsAndThreadsChangeNothing) {
  const at::Tensor xyz = test::random_points(5000, 8);
  const at::Tensor both = at::cat({pinhole(64, 64), pinhole(64, 48)});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Raster one = rasterize_points(xyz, both, 64, 64, {1, 0.02F, true});
  const Raster first = rasterize_points(xyz, both.slice(0, 0, 1), 64, 64, {1, 0.02F, true});
  at::set_num_threads(3);
  const Raster three = rasterize_points(xyz, both, 64, 64, {1, 0.02F, true});
  const Raster rows = rasterize_points(xyz, both.slice(0, 0, 1), 64, 64, {1, 0.02F, true});
  at::set_num_threads(threads);
  EXPECT_TRUE(one.index.equal(three.index) && one.depth.equal(three.depth));
  EXPECT_TRUE(first.index.equal(rows.index) && first.depth.equal(rows.depth));
  EXPECT_TRUE(one.index[0].equal(first.index[0]));
  EXPECT_FALSE(one.index[0].equal(one.index[1]));
}

TEST(RasterizePoints, WhatIsBehindOrNotFiniteIsNotSeen) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor xyz = at::tensor({0.5F,
                                     0.5F,
                                     9.0F,
                                     nan,
                                     0.5F,
                                     0.5F,
                                     kInfinity,
                                     0.0F,
                                     0.0F,
                                     0.4F,
                                     0.7F,
                                     3.0F,
                                     1e30F,
                                     1e30F,
                                     -1e30F})
                             .view({5, 3});
  const Raster raster = rasterize_points(xyz, pinhole(20, 20), 20, 20, {1, 0.1F});
  EXPECT_TRUE(raster.index.lt(0).all().item<bool>());
  EXPECT_TRUE(
      rasterize_points(at::empty({0, 3}), pinhole(20, 20), 20, 20).index.lt(0).all().item<bool>());
}

TEST(RasterizePoints, WrongInputsThrow) {
  const at::Tensor xyz = at::zeros({4, 3});
  EXPECT_THROW(rasterize_points(at::zeros({4, 2}), parallel(), 8, 8), c10::ValueError);
  EXPECT_THROW(rasterize_points(xyz.to(at::kDouble), parallel(), 8, 8), c10::ValueError);
  EXPECT_THROW(rasterize_points(xyz, at::zeros({4, 4}), 8, 8), c10::ValueError);
  EXPECT_THROW(rasterize_points(xyz, parallel(), 0, 8), c10::ValueError);
  EXPECT_THROW(rasterize_triangles(xyz, at::full({1, 3}, 4, at::kLong), parallel(), 8, 8),
               c10::ValueError);
  EXPECT_THROW(rasterize_triangles(xyz, at::zeros({1, 3}), parallel(), 8, 8), c10::ValueError);
}

TEST(RasterizeTriangles, AgreesWithEveryPixelAgainstEveryTriangle) {
  constexpr int64_t kSide = 40;
  const at::Tensor xyz = test::random_points(60, 9);
  const at::Tensor triangles = at::arange(60, at::kLong).view({20, 3});
  const at::Tensor project = pinhole(kSide, kSide);
  const Raster raster = rasterize_triangles(xyz, triangles, project, kSide, kSide);
  const at::Tensor corners = projected(xyz, project);
  const auto corner = corners.accessor<double, 2>();
  int64_t covered = 0;
  for (int64_t y = 0; y < kSide; ++y) {
    for (int64_t x = 0; x < kSide; ++x) {
      double nearest = kInfinity;
      bool edge = false;
      for (int64_t t = 0; t < 20; ++t) {
        const auto side = [&](int64_t a, int64_t b, double u, double v) {
          return (corner[b][0] - corner[a][0]) * (v - corner[a][1]) -
                 (corner[b][1] - corner[a][1]) * (u - corner[a][0]);
        };
        const int64_t a = 3 * t;
        const double area = side(a, a + 1, corner[a + 2][0], corner[a + 2][1]);
        const double u = static_cast<double>(x) + 0.5;
        const double v = static_cast<double>(y) + 0.5;
        const double share[] = {side(a + 1, a + 2, u, v) / area,
                                side(a + 2, a, u, v) / area,
                                side(a, a + 1, u, v) / area};
        double inverse = 0;
        bool inside = true;
        for (int k = 0; k < 3; ++k) {
          inverse += share[k] / corner[a + k][3];
          inside &= share[k] >= 0;
          edge |= std::abs(share[k]) < 1e-3;
        }
        if (inside) nearest = std::min(nearest, 1 / inverse);  // depth = w, and 1 / w is linear
      }
      if (edge) continue;
      const float depth = raster.depth[0][y][x].item<float>();
      if (std::isinf(nearest)) {
        EXPECT_EQ(depth, kInfinity) << x << ' ' << y;
      } else {
        EXPECT_NEAR(depth, nearest, 1e-3) << x << ' ' << y;
        ++covered;
      }
    }
  }
  EXPECT_GT(covered, 200);
}

TEST(RasterizeTriangles, AFloorThatPassesBelowTheCameraReachesTheLowerEdge) {
  // y = 0, from far before the camera to far behind it; the camera looks along -z one unit above.
  Camera camera;
  camera.eye = {0, 1, 0};
  camera.target = {0, 1, -1};
  camera.fov = 90;
  const at::Tensor project = projection(camera, 50, 50);
  const at::Tensor xyz = at::tensor({-900.0, 0.0, -1000.0, 900.0, 0.0, -1000.0, 0.0, 0.0, 1000.0})
                             .to(at::kFloat)
                             .view({3, 3});
  const Raster raster =
      rasterize_triangles(xyz, at::arange(3, at::kLong).view({1, 3}), project, 50, 50, 1e-3F);
  // Pixel centre k + ½ below the horizon has slope (k + ½) / 25 and so depth 25 / (k + ½).
  for (int64_t k = 1; k < 25; ++k)
    EXPECT_NEAR(
        raster.depth[0][25 + k][25].item<float>(), 25 / (static_cast<double>(k) + 0.5), 0.02)
        << k;
  EXPECT_TRUE(raster.index[0].slice(0, 0, 25).lt(0).all().item<bool>());
}

}  // namespace
}  // namespace pointattn::view
