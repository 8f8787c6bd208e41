// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/render_views.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/ops/farthest_point_sample.h"
#include "tests/ops/ops_test.h"
#include "tests/support/clouds.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace pointattn::ops {
namespace {

using test::Cloud;
using test::make_cloud;
using test::value_error;

/// The points of a cloud in the frame of camera `view` [N,3]: to the right, up and towards it. By
/// turning the cloud about y and then about x.
at::Tensor in_camera(const at::Tensor& xyz, const ViewRing& ring, int64_t view) {
  const double turn =
      2 * std::numbers::pi * static_cast<double>(view) / static_cast<double>(ring.views);
  const double tilt = ring.elevation * std::numbers::pi / 180;
  const at::Tensor x = xyz.select(1, 0), y = xyz.select(1, 1), z = xyz.select(1, 2);
  const at::Tensor right = x * std::cos(turn) - z * std::sin(turn);
  const at::Tensor front = x * std::sin(turn) + z * std::cos(turn);
  return at::stack({right,
                    y * std::cos(tilt) - front * std::sin(tilt),
                    y * std::sin(tilt) + front * std::cos(tilt)},
                   1);
}

/// What a pixel may hold when edges of discs are moved by ±1e-9: the depth without and with them.
struct Bounds {
  at::Tensor narrow, wide;  ///< float64 [S,S]; +inf where nothing is seen
};

/// Every pixel asks every point.
Bounds naive(const at::Tensor& xyz, const ViewRing& ring, int64_t view, double radius) {
  const at::Tensor points = in_camera(xyz.to(at::kDouble), ring, view);
  const double half = static_cast<double>(ring.size) / 2;
  radius = std::max(radius, 0.7072 / half);
  const double none = std::numeric_limits<double>::infinity();
  Bounds bounds{at::full({ring.size, ring.size}, none, at::kDouble),
                at::full({ring.size, ring.size}, none, at::kDouble)};
  const auto p = points.accessor<double, 2>();
  auto narrow = bounds.narrow.accessor<double, 2>();
  auto wide = bounds.wide.accessor<double, 2>();
  for (int64_t row = 0; row < ring.size; ++row) {
    for (int64_t column = 0; column < ring.size; ++column) {
      for (int64_t i = 0; i < points.size(0); ++i) {
        if (p[i][2] >= 2) continue;
        const double dx = (static_cast<double>(column) + 0.5) / half - 1 - p[i][0];
        const double dy = 1 - (static_cast<double>(row) + 0.5) / half - p[i][1];
        const double distance = std::sqrt(dx * dx + dy * dy);
        const double depth = 2 - p[i][2];
        if (distance < radius - 1e-9) narrow[row][column] = std::min(narrow[row][column], depth);
        if (distance < radius + 1e-9) wide[row][column] = std::min(wide[row][column], depth);
      }
    }
  }
  return bounds;
}

/// True where `depth` is one of the two, or between them.
bool within(const at::Tensor& depth, const Bounds& bounds) {
  const double none = std::numeric_limits<double>::infinity();
  const at::Tensor got = at::where(depth > 0, depth.to(at::kDouble), none);
  const at::Tensor good = (got <= bounds.narrow + 1e-6).logical_and(got >= bounds.wide - 1e-6);
  return good.all().item<bool>();
}

class RenderViewsTest : public test::OpTest {
 protected:
  at::Tensor render(const at::Tensor& xyz, const ViewRing& ring = {}) const {
    return render_views(operand(xyz), offsets_of({xyz.size(0)}), ring)[0].cpu();
  }
};

TEST_P(RenderViewsTest, EveryPixelIsThatOfTheDefinition) {
  int64_t drawn = 0;
  for (Cloud kind : test::kClouds) {
    for (const ViewRing& ring : {ViewRing{5, 31, 30, 0.11},
                                 ViewRing{1, 16, 90, 0.3},
                                 ViewRing{3, 1, -90, 0.8},
                                 ViewRing{2, 40, -17, 0.04}}) {
      const at::Tensor xyz = (make_cloud(kind, 60, 3) * 1.2 - 0.6).to(dtype());
      const at::Tensor got = render(xyz, ring);
      ASSERT_EQ(got.sizes(), (at::IntArrayRef{ring.views, ring.size, ring.size}));
      EXPECT_EQ(got.scalar_type(), at::kFloat);
      for (int64_t view = 0; view < ring.views; ++view) {
        EXPECT_TRUE(within(got[view], naive(xyz, ring, view, ring.radius)))
            << test::cloud_name(kind) << ", " << ring.size << " pixels, view " << view;
      }
      drawn += (got > 0).sum().item<int64_t>();
    }
  }
  EXPECT_GT(drawn, 4000);
}

TEST_P(RenderViewsTest, RadiusGoesByTheNumberOfPoints) {
  for (const auto& [points, radius] : {std::pair{1, 0.25}, {64, 0.25}, {100, 0.2}, {400, 0.1}}) {
    const at::Tensor xyz = (make_cloud(Cloud::kRandom, points, 5) - 0.5).to(dtype());
    EXPECT_TRUE(within(render(xyz)[3], naive(xyz, {}, 3, radius))) << points;
  }
}

TEST_P(RenderViewsTest, TheRingGoesFromZOverX) {
  // A point far out on each side, seen from 4 sides without elevation.
  const ViewRing ring{4, 65, 0, 0.05};
  const auto middle = [&](std::vector<double> xyz, int64_t view) {
    const at::Tensor seen = render(at::tensor(xyz).view({1, 3}), ring)[view].nonzero();
    const at::Tensor at = seen.to(at::kDouble).mean(0);
    return std::pair{at[0].item<double>(), at[1].item<double>()};  // row, column
  };
  const double edge = 32.5 * 0.8;
  using Place = std::pair<double, double>;
  const auto expect = [&](Place got, Place wanted) {
    EXPECT_NEAR(got.first, wanted.first, 0.51);
    EXPECT_NEAR(got.second, wanted.second, 0.51);
  };
  expect(middle({0.8, 0, 0}, 0), {32, 32 + edge});  // from +z: x to the right
  expect(middle({0, 0.8, 0}, 2), {32 - edge, 32});  // y is up, everywhere
  expect(middle({0, 0, 0.8}, 1), {32, 32 - edge});  // from +x: z to the left
  expect(middle({0.8, 0, 0}, 2), {32, 32 - edge});
  expect(middle({0, 0, 0.8}, 3), {32, 32 + edge});
  EXPECT_FLOAT_EQ(render(at::tensor({0.0, 0.0, 0.5}).view({1, 3}), ring)[0].max().item<float>(),
                  1.5F);
  EXPECT_FLOAT_EQ(render(at::tensor({0.0, 0.0, 0.5}).view({1, 3}), ring)[2].max().item<float>(),
                  2.5F);
  const ViewRing above{1, 65, 30, 0.05};  // a point in the direction of the camera is in the middle
  const at::Tensor ahead =
      render(at::tensor({0.0, 0.5, std::sqrt(0.75)}).view({1, 3}) * 0.9, above)[0];
  EXPECT_FLOAT_EQ(ahead[32][32].item<float>(), 1.1F);
}

TEST_P(RenderViewsTest, TheNearestWins) {
  const ViewRing ring{2, 9, 0, 0.5};
  const at::Tensor column = at::tensor({0.0, 0.0, -0.5, 0.0, 0.0, 0.75, 0.0, 0.0, 0.25});
  const at::Tensor got = render(column.view({3, 3}), ring);
  EXPECT_FLOAT_EQ(got[0][4][4].item<float>(), 1.25F);
  EXPECT_FLOAT_EQ(got[1][4][4].item<float>(), 1.5F);
  EXPECT_EQ(got[0][0][0].item<float>(), 0);
}

TEST_P(RenderViewsTest, WhatIsOutsideIsNotSeenAndEveryPointInsideIs) {
  const at::Tensor away =
      at::tensor({0.0, 0.0, 2.5, 1e30, 0.0, 0.0, 0.0, -1e30, 0.0, 0.0, 1.6, 0.0});
  EXPECT_EQ(render(away.view({4, 3}), {1, 32, 0, 0.25}).max().item<float>(), 0);
  // Far smaller than a pixel.
  const at::Tensor inside = (make_cloud(Cloud::kRandom, 200, 9) - 0.5) * 1.1;
  for (int64_t i = 0; i < 200; ++i) {
    const at::Tensor got = render(inside.narrow(0, i, 1), {3, 8, 20, 1e-9});
    EXPECT_TRUE((got > 0).flatten(1).any(1).all().item<bool>()) << inside[i];
  }
}

TEST_P(RenderViewsTest, UnevenBatchEqualsItsClouds) {
  const at::Tensor xyz = operand(make_cloud(Cloud::kRandom, 306, 2) - 0.5);
  const at::Tensor got = render_views(xyz, offsets_of({5, 0, 300, 1}));
  ASSERT_EQ(got.sizes(), (at::IntArrayRef{4, 12, 64, 64}));
  EXPECT_TRUE(at::equal(got[0], render_views(xyz.narrow(0, 0, 5), offsets_of({5}))[0]));
  EXPECT_EQ(got[1].max().item<float>(), 0);
  EXPECT_TRUE(at::equal(got[2], render_views(xyz.narrow(0, 5, 300), offsets_of({300}))[0]));
  EXPECT_TRUE(at::equal(got[3], render_views(xyz.narrow(0, 305, 1), offsets_of({1}))[0]));
  EXPECT_EQ(render_views(xyz.narrow(0, 0, 0), offsets_of({})).size(0), 0);
}

TEST_P(RenderViewsTest, OrderOfThePointsDoesNotMatter) {
  for (Cloud kind : test::kClouds) {
    const at::Tensor xyz = make_cloud(kind, 500, 4) - 0.5;
    const at::Tensor mixed = xyz.index_select(0, at::randperm(500, at::kLong));
    EXPECT_TRUE(at::equal(render(xyz), render(mixed))) << test::cloud_name(kind);
  }
}

TEST_P(RenderViewsTest, AnEvenlySampledSphereHasNoHoles) {
  for (int64_t points : {256, 1024, 4096}) {
    const at::Tensor normal = at::randn({8 * points, 3}, at::kDouble);
    const at::Tensor all = normal / normal.norm(2, 1, true) * 0.9;
    const at::Tensor even =
        farthest_point_sample(all, offsets_of({8 * points}), at::full({1}, points, at::kLong));
    const at::Tensor sphere = all.index_select(0, even);
    const at::Tensor seen = render(sphere)[0] > 0;
    const at::Tensor axis = (at::arange(64, at::kDouble) + 0.5) / 32 - 1;
    const at::Tensor inside =
        (axis.square().unsqueeze(0) + axis.square().unsqueeze(1)).sqrt() < 0.85;
    const double share =
        seen.logical_and(inside).sum().item<double>() / inside.sum().item<double>();
    EXPECT_GT(share, 0.99) << points;
  }
}

TEST_P(RenderViewsTest, NoGradientGoesThrough) {
  const at::Tensor xyz = operand(make_cloud(Cloud::kRandom, 10, 2)).requires_grad_();
  EXPECT_FALSE(render_views(xyz, offsets_of({10})).requires_grad());
}

TEST_P(RenderViewsTest, BadInputIsRefused) {
  const at::Tensor xyz = operand(make_cloud(Cloud::kRandom, 4, 2));
  const at::Tensor four = offsets_of({4});
  const auto error = [&](const ViewRing& ring) {
    return value_error([&] { render_views(xyz, four, ring); });
  };
  EXPECT_EQ(error({0}), "render_views: expected 1 to 256 views, got 0");
  EXPECT_EQ(error({12, 4097}), "render_views: expected a size of 1 to 4096, got 4097");
  EXPECT_EQ(error({12, 64, 91}), "render_views: expected an elevation of -90 to 90, got 91");
  EXPECT_EQ(error({12, 64, 30, -1}),
            "render_views: expected a finite radius of at least 0, got -1");
  EXPECT_NE(error({12, 64, std::nan("")}).find("got nan"), std::string::npos);
  EXPECT_NE(error({12, 64, 30, std::nan("")}).find("got nan"), std::string::npos);
  at::Tensor broken = xyz.clone();
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    broken[2][1] = bad;
    EXPECT_NE(value_error([&] { render_views(broken, four); }).find("render_views"),
              std::string::npos);
  }
  EXPECT_EQ(value_error([&] { render_views(xyz.narrow(1, 0, 2), four); }),
            "render_views: expected points [N,3], got [4,2]");
  EXPECT_NE(value_error([&] { render_views(xyz, offsets_of({3})); }).find("render_views"),
            std::string::npos);
}

POINTATTN_INSTANTIATE_OP_TEST(RenderViewsTest);

TEST(RenderViewsThreads, PicturesHaveTheSameBitsForEveryNumberOfThreads) {
  const at::Tensor xyz = make_cloud(Cloud::kRandom, 2000, 6).to(at::kFloat) - 0.5F;
  const std::vector<at::Tensor> results = test::for_thread_counts([&] {
    return render_views(xyz, offsets_of({1500, 0, 500}));
  });
  for (const at::Tensor& result : results) EXPECT_TRUE(at::equal(result, results[0]));
}

}  // namespace
}  // namespace pointattn::ops
