// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/neighbor_index.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/ops/ball_query.h"
#include "tests/ops/ops_test.h"
#include "tests/reference/neighbors.h"
#include "tests/support/clouds.h"

namespace pointattn::ops {
namespace {

using test::Cloud;
using test::make_cloud;
using test::value_error;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class NeighborIndexTest : public testing::TestWithParam<at::ScalarType> {
 protected:
  at::Tensor cloud(Cloud kind, int64_t n, uint64_t seed) const {
    return make_cloud(kind, n, seed).to(GetParam());
  }
};

TEST_P(NeighborIndexTest, AnswersAsTheOperators) {
  const at::Tensor points = cloud(Cloud::kRandom, 5 + 900 + 0 + 31, 1);
  const at::Tensor point_offsets = offsets_of({5, 900, 0, 31});
  const at::Tensor query = cloud(Cloud::kRandom, 9 + 200 + 0 + 3, 2);
  const at::Tensor query_offsets = offsets_of({9, 200, 0, 3});
  const NeighborIndex index(points, point_offsets);
  for (const NeighborIndex& one : {index, NeighborIndex(index)}) {
    const Neighbors nearest = one.knn(query, query_offsets, 5);
    const Neighbors expected = knn(query, points, query_offsets, point_offsets, 5);
    EXPECT_TRUE(at::equal(nearest.index, expected.index));
    EXPECT_TRUE(at::equal(nearest.sq_dist, expected.sq_dist));
  }
  const Neighbors near = index.ball_query(query, query_offsets, 0.2, 7);
  const Neighbors expected = ball_query(query, points, query_offsets, point_offsets, 0.2, 7);
  EXPECT_TRUE(at::equal(near.index, expected.index));
  EXPECT_TRUE(at::equal(near.sq_dist, expected.sq_dist));
  EXPECT_TRUE(index.points().is_same(points));
}

TEST_P(NeighborIndexTest, WithinFindsAllAndOnlyThese) {
  for (Cloud kind : test::kClouds) {
    const at::Tensor points = cloud(kind, 3 + 400, 3);
    const at::Tensor query = cloud(kind, 40 + 50, 4);
    const NeighborIndex index(points, offsets_of({3, 400}));
    for (double radius : {0.0, 0.15, 1.0, kInfinity}) {
      const RaggedNeighbors got = index.within(query, offsets_of({40, 50}), radius);
      const Neighbors expected =
          reference::neighbors(query, points, {0, 40, 90}, {0, 3, 403}, radius, 400);
      const at::Tensor found = expected.index.ge(0);
      EXPECT_TRUE(at::equal(got.offsets.diff(), found.sum(1)))
          << test::cloud_name(kind) << " radius=" << radius;
      EXPECT_EQ(got.offsets[0].item<int64_t>(), 0);
      EXPECT_TRUE(at::equal(got.index, expected.index.masked_select(found)));
      EXPECT_TRUE(at::equal(got.sq_dist, expected.sq_dist.masked_select(found)));
    }
  }
}

TEST_P(NeighborIndexTest, ScatteredAndCrowdedQueries) {
  // Few queries in a large cloud, many in a small one, and ones far outside.
  const at::Tensor large = cloud(Cloud::kClustered, 5000, 5);
  const at::Tensor small = cloud(Cloud::kClustered, 20, 6);
  const at::Tensor few = cloud(Cloud::kFarAway, 17, 7);
  const at::Tensor many = cloud(Cloud::kRandom, 3000, 8);
  for (const auto& [query, points] :
       {std::pair(few, large), std::pair(many, small), std::pair(many, large)}) {
    const at::Tensor queries = offsets_of({query.size(0)});
    const at::Tensor rows = offsets_of({points.size(0)});
    const Neighbors got = NeighborIndex(points, rows).knn(query, queries, 4);
    const Neighbors expected =
        reference::neighbors(query, points, {0, query.size(0)}, {0, points.size(0)}, kInfinity, 4);
    EXPECT_TRUE(at::equal(got.index, expected.index));
    EXPECT_TRUE(at::equal(got.sq_dist, expected.sq_dist));
  }
}

TEST_P(NeighborIndexTest, EmptyCloudsAndNoQueries) {
  const NeighborIndex empty(cloud(Cloud::kRandom, 0, 1), offsets_of({0, 0}));
  const at::Tensor query = cloud(Cloud::kRandom, 2, 2);
  EXPECT_TRUE(empty.ball_query(query, offsets_of({1, 1}), 1.0, 3).index.eq(-1).all().item<bool>());
  const RaggedNeighbors none = empty.within(query, offsets_of({0, 2}), kInfinity);
  EXPECT_TRUE(at::equal(none.offsets, at::zeros({3}, at::kLong)));
  EXPECT_EQ(none.index.size(0), 0);
  const NeighborIndex one(query, offsets_of({2}));
  EXPECT_EQ(one.knn(query.narrow(0, 0, 0), offsets_of({0}), 2).index.sizes(),
            (at::IntArrayRef{0, 2}));
  EXPECT_EQ(one.within(query.narrow(0, 0, 0), offsets_of({0}), 2).offsets.numel(), 1);
}

TEST_P(NeighborIndexTest, EveryNumberOfThreadsGivesTheSameBits) {
  const at::Tensor points =
      cloud(Cloud::kLattice, 20'000, 9) + 0.1 * cloud(Cloud::kRandom, 20'000, 10);
  const at::Tensor offsets = offsets_of({15'000, 5'000});
  const std::vector<at::Tensor> results = test::for_thread_counts([&] {
    const NeighborIndex index(points, offsets);
    const Neighbors nearest = index.knn(points, offsets, 20);
    const RaggedNeighbors near = index.within(points.clone(), offsets, 0.05);
    return at::cat({nearest.index.flatten().to(at::kDouble),
                    nearest.sq_dist.flatten().to(at::kDouble),
                    near.offsets.to(at::kDouble),
                    near.index.to(at::kDouble),
                    near.sq_dist.to(at::kDouble)});
  });
  for (const at::Tensor& result : results) EXPECT_TRUE(at::equal(result, results[0]));
}

TEST_P(NeighborIndexTest, BadInputIsRefused) {
  const at::Tensor points = cloud(Cloud::kRandom, 4, 1);
  const at::Tensor four = offsets_of({4});
  const NeighborIndex index(points, four);
  EXPECT_EQ(value_error([&] { index.knn(points, four, 5); }),
            "knn: expected at least 5 points in each cloud with queries, got 4 in cloud 0");
  EXPECT_EQ(value_error([&] { index.within(points, four, -1.0); }),
            "within: expected a radius of at least 0, got -1");
  EXPECT_EQ(value_error([&] { index.within(points.narrow(1, 0, 2), four, 1.0); }),
            "within: expected query [M,3], got [4,2]");
  at::Tensor spoilt = points.clone();
  spoilt[2][0] = std::nan("");
  EXPECT_EQ(value_error([&] { NeighborIndex(spoilt, four); }),
            "NeighborIndex: expected finite points, got NaN or infinity in row 2");
  EXPECT_EQ(value_error([&] { index.knn(spoilt, four, 1); }),
            "knn: expected finite query, got NaN or infinity in row 2");
}

INSTANTIATE_TEST_SUITE_P(Dtypes,
                         NeighborIndexTest,
                         testing::Values(at::kFloat, at::kDouble),
                         [](const auto& info) {
                           return info.param == at::kFloat ? "float32" : "float64";
                         });

}  // namespace
}  // namespace pointattn::ops
