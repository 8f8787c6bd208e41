// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/ball_query.h"

#include "pointattn/core/point_batch.h"
#include "tests/ops/ops_test.h"
#include "tests/reference/neighbors.h"
#include "tests/support/clouds.h"
#include "tests/support/gradients.h"

namespace pointattn::ops {
namespace {

using test::Cloud;
using test::make_cloud;
using test::value_error;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class BallQueryTest : public test::OpTest {};

TEST_P(BallQueryTest, EqualsSortingForEveryKindOfCloudAndRadius) {
  for (Cloud cloud : test::kClouds) {
    const at::Tensor query = make_cloud(cloud, 41, 1).to(dtype());
    const at::Tensor points = make_cloud(cloud, 1009, 2).to(dtype());
    for (double radius : {0.0, 0.1, 1.0, kInfinity}) {
      for (int64_t k : {1, 16, 1200}) {
        const Neighbors got = ball_query(
            operand(query), operand(points), offsets_of({41}), offsets_of({1009}), radius, k);
        const Neighbors expected =
            reference::neighbors(query, points, {0, 41}, {0, 1009}, radius, k);
        const auto where = testing::Message()
                           << test::cloud_name(cloud) << " radius=" << radius << " k=" << k;
        EXPECT_TRUE(at::equal(got.index.cpu(), expected.index)) << where;
        EXPECT_TRUE(at::equal(got.sq_dist.cpu(), expected.sq_dist)) << where;
      }
    }
  }
}

TEST_P(BallQueryTest, RadiusIsInclusiveAndEmptyPlacesArePadded) {
  const at::Tensor points = operand(at::tensor({0., 0., 0., 2., 0., 0., 0., 2.5, 0.}).view({3, 3}));
  const Neighbors got =
      ball_query(points.slice(0, 0, 1), points, offsets_of({1}), offsets_of({3}), 2.0, 4);
  EXPECT_TRUE(at::equal(got.index.cpu(), at::tensor({0, 1, -1, -1}, at::kLong).view({1, 4})));
  EXPECT_TRUE(at::equal(got.sq_dist.cpu(),
                        at::tensor({0., 4., kInfinity, kInfinity}).to(dtype()).view({1, 4})));
}

TEST_P(BallQueryTest, QueriesOfACloudWithoutPointsFindNothing) {
  const at::Tensor query = operand(at::rand({3, 3}));
  const at::Tensor points = operand(at::rand({2, 3}));
  const Neighbors got =
      ball_query(query, points, offsets_of({2, 1}), offsets_of({0, 2}), kInfinity, 2);
  EXPECT_TRUE(got.index.slice(0, 0, 2).eq(kNoNeighbor).all().item<bool>());
  EXPECT_TRUE(got.index[2].ge(0).all().item<bool>());
}

TEST_P(BallQueryTest, GradientsMatchFiniteDifferencesAndSkipEmptyPlaces) {
  if (dtype() != at::kDouble) return;
  const at::Tensor query = operand(make_cloud(Cloud::kRandom, 5, 3)).requires_grad_();
  const at::Tensor points = operand(make_cloud(Cloud::kRandom, 9, 4)).requires_grad_();
  const auto loss = [&](const at::Tensor& q, const at::Tensor& p) {
    const Neighbors near = ball_query(q, p, offsets_of({5}), offsets_of({9}), 0.5, 6);
    return at::where(near.index.ge(0), near.sq_dist.sqrt(), at::zeros({}, options())).sum();
  };
  ASSERT_TRUE(ball_query(query, points, offsets_of({5}), offsets_of({9}), 0.5, 6)
                  .index.lt(0)
                  .any()
                  .item<bool>());
  const auto got = torch::autograd::grad({loss(query, points)}, {query, points});
  EXPECT_TRUE(at::allclose(
      got[0],
      test::finite_differences([&](const at::Tensor& q) { return loss(q, points); }, query),
      1e-6,
      1e-8));
  EXPECT_TRUE(at::allclose(
      got[1],
      test::finite_differences([&](const at::Tensor& p) { return loss(query, p); }, points),
      1e-6,
      1e-8));
}

TEST_P(BallQueryTest, BadRadiusAndNaNAreRefused) {
  const at::Tensor points = operand(at::rand({4, 3}));
  const at::Tensor four = offsets_of({4});
  EXPECT_EQ(value_error([&] { ball_query(points, points, four, four, -1.0, 2); }),
            "ball_query: expected a radius of at least 0, got -1");
  EXPECT_EQ(value_error([&] { ball_query(points, points, four, four, std::nan(""), 2); }),
            "ball_query: expected a radius of at least 0, got nan");
  EXPECT_EQ(value_error([&] { ball_query(points * std::nan(""), points, four, four, 1.0, 2); }),
            "ball_query: expected finite query, got NaN or infinity in row 0");
}

POINTATTN_INSTANTIATE_OP_TEST(BallQueryTest);

}  // namespace
}  // namespace pointattn::ops
