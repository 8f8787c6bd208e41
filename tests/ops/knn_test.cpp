// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/knn.h"

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

class KnnTest : public test::OpTest {
 protected:
  /// Runs knn on one batch and compares bit for bit with sorting all distances in the same dtype.
  void expect_exact(const at::Tensor& query,
                    const at::Tensor& points,
                    const std::vector<int64_t>& query_counts,
                    const std::vector<int64_t>& point_counts,
                    int64_t k) {
    const at::Tensor query_offsets = offsets_of(query_counts);
    const at::Tensor point_offsets = offsets_of(point_counts);
    const Neighbors got = knn(operand(query), operand(points), query_offsets, point_offsets, k);
    const auto rows = [](const at::Tensor& offsets) {
      return std::vector<int64_t>(offsets.const_data_ptr<int64_t>(),
                                  offsets.const_data_ptr<int64_t>() + offsets.numel());
    };
    const Neighbors expected = reference::neighbors(query.to(dtype()),
                                                    points.to(dtype()),
                                                    rows(query_offsets),
                                                    rows(point_offsets),
                                                    kInfinity,
                                                    k);
    EXPECT_EQ(got.index.scalar_type(), at::kLong);
    EXPECT_EQ(got.sq_dist.scalar_type(), dtype());
    EXPECT_TRUE(at::equal(got.sq_dist.cpu(), expected.sq_dist));
    EXPECT_TRUE(at::equal(got.index.cpu(), expected.index));
  }
};

TEST_P(KnnTest, EqualsSortingForEveryKindOfCloudAndSize) {
  for (Cloud cloud : test::kClouds) {
    for (int64_t n : {1, 2, 31, 257, 1021}) {
      for (int64_t k : {int64_t{1}, std::min<int64_t>(n, 16), std::min<int64_t>(n, 101)}) {
        SCOPED_TRACE(testing::Message() << test::cloud_name(cloud) << " n=" << n << " k=" << k);
        expect_exact(make_cloud(cloud, 53, 1), make_cloud(cloud, n, 2), {53}, {n}, k);
      }
    }
  }
}

TEST_P(KnnTest, AllPointsAreNeighbours) {
  const at::Tensor points = make_cloud(Cloud::kRandom, 300, 3);
  expect_exact(points, points, {300}, {300}, 300);
}

TEST_P(KnnTest, UnevenBatchesWithEmptyClouds) {
  // The third cloud has points and no queries, the last has neither.
  const at::Tensor query = make_cloud(Cloud::kRandom, 7 + 0 + 13 + 1, 4);
  const at::Tensor points = make_cloud(Cloud::kRandom, 5 + 3 + 700 + 5, 5);
  expect_exact(query, points, {7, 0, 13, 1, 0}, {5, 3, 700, 5, 0}, 5);
  const Neighbors none =
      knn(operand(query.slice(0, 0, 0)), operand(points), offsets_of({0}), offsets_of({713}), 4);
  EXPECT_EQ(none.index.sizes(), (at::IntArrayRef{0, 4}));
  EXPECT_EQ(none.sq_dist.sizes(), (at::IntArrayRef{0, 4}));
  const Neighbors no_clouds = knn(operand(query.slice(0, 0, 0)),
                                  operand(points.slice(0, 0, 0)),
                                  at::zeros({1}, at::kLong),
                                  at::zeros({1}, at::kLong),
                                  1);
  EXPECT_EQ(no_clouds.index.size(0), 0);
}

TEST_P(KnnTest, LatticeTiesGoToTheLowerRow) {
  // Six points at distance 1 around the origin, the whole set twice.
  const at::Tensor once =
      at::tensor({1., 0., 0., -1., 0., 0., 0., 1., 0., 0., -1., 0., 0., 0., 1., 0., 0., -1.})
          .view({6, 3});
  const Neighbors got = knn(operand(at::zeros({1, 3})),
                            operand(at::cat({once, once})),
                            offsets_of({1}),
                            offsets_of({12}),
                            8);
  EXPECT_TRUE(at::equal(got.index.cpu(), at::arange(8, at::kLong).view({1, 8})));
  EXPECT_TRUE(at::equal(got.sq_dist.cpu(), at::ones({1, 8}, dtype())));
}

TEST_P(KnnTest, DistancesAgreeWithFloat64) {
  const at::Tensor query = make_cloud(Cloud::kRandom, 101, 6).to(dtype());
  const at::Tensor points = make_cloud(Cloud::kRandom, 2003, 7).to(dtype());
  const Neighbors got =
      knn(operand(query), operand(points), offsets_of({101}), offsets_of({2003}), 9);
  const Neighbors expected = reference::neighbors(
      query.to(at::kDouble), points.to(at::kDouble), {0, 101}, {0, 2003}, kInfinity, 9);
  EXPECT_TRUE(at::allclose(got.sq_dist.cpu().to(at::kDouble), expected.sq_dist, 1e-5, 1e-9));
}

TEST_P(KnnTest, StridedTensorsAreRead) {
  const at::Tensor wide = make_cloud(Cloud::kRandom, 400, 8);
  const at::Tensor query = operand(wide.slice(0, 0, 40)).t().contiguous().t();
  const at::Tensor points = operand(at::cat({wide, wide}, 1)).slice(1, 0, 3);
  ASSERT_FALSE(query.is_contiguous() || points.is_contiguous());
  const Neighbors got = knn(query, points, offsets_of({40}), offsets_of({400}), 1);
  EXPECT_TRUE(at::equal(got.index.cpu(), at::arange(40, at::kLong).view({40, 1})));
}

TEST_P(KnnTest, LargeCloudAgreesWithBruteForceOnSomeQueries) {
  const at::Tensor points = make_cloud(Cloud::kRandom, 200'000, 9);
  expect_exact(points.slice(0, 0, 200'000, 10'000).contiguous(), points, {20}, {200'000}, 16);
}

TEST_P(KnnTest, LargeCloudsOfEqualPointsStayFast) {
  const at::Tensor points = operand(make_cloud(Cloud::kDuplicates, 200'000, 9));
  const Neighbors got = knn(points, points, offsets_of({200'000}), offsets_of({200'000}), 3);
  EXPECT_TRUE(at::equal(got.index.cpu()[199'999], at::arange(3, at::kLong)));
}

TEST_P(KnnTest, HugeCoordinatesOverflowToInfinityInOrder) {
  const double huge = dtype() == at::kFloat ? 1e30 : 1e200;
  expect_exact(at::zeros({1, 3}, at::kDouble), at::full({5, 3}, huge, at::kDouble), {1}, {5}, 3);
}

TEST_P(KnnTest, GradientsMatchFiniteDifferences) {
  if (dtype() != at::kDouble) return;
  const at::Tensor query = operand(make_cloud(Cloud::kRandom, 6, 10)).requires_grad_();
  const at::Tensor points = operand(make_cloud(Cloud::kRandom, 11, 11)).requires_grad_();
  const at::Tensor weight = at::rand({6, 3}, options());
  const auto loss = [&](const at::Tensor& q, const at::Tensor& p) {
    return (knn(q, p, offsets_of({4, 2}), offsets_of({7, 4}), 3).sq_dist * weight).sum();
  };
  const auto got = torch::autograd::grad({loss(query, points)}, {query, points});
  const at::Tensor by_query =
      test::finite_differences([&](const at::Tensor& q) { return loss(q, points); }, query);
  const at::Tensor by_points =
      test::finite_differences([&](const at::Tensor& p) { return loss(query, p); }, points);
  EXPECT_TRUE(at::allclose(got[0], by_query, 1e-6, 1e-8));
  EXPECT_TRUE(at::allclose(got[1], by_points, 1e-6, 1e-8));
  EXPECT_FALSE(knn(query, points, offsets_of({6}), offsets_of({11}), 3).index.requires_grad());
}

TEST_P(KnnTest, BadInputIsRefusedWithWhatCame) {
  const at::Tensor query = operand(at::rand({4, 3}));
  const at::Tensor points = operand(at::rand({5, 3}));
  const at::Tensor four = offsets_of({4});
  const at::Tensor five = offsets_of({5});
  EXPECT_EQ(value_error([&] { knn(query, points, four, five, 6); }),
            "knn: expected at least 6 points in each cloud with queries, got 5 in cloud 0");
  EXPECT_EQ(value_error([&] { knn(query, points, four, five, 0); }),
            "knn: expected k of at least 1, got 0");
  EXPECT_EQ(value_error([&] { knn(query.slice(1, 0, 2), points, four, five, 1); }),
            "knn: expected query [M,3], got [4,2]");
  EXPECT_EQ(value_error([&] {
              knn(query, points, offsets_of({2, 2}), five, 1);
            }),
            "knn: expected query_offsets and point_offsets of as many clouds, got 2 and 1");
  EXPECT_EQ(value_error([&] { knn(query.to(at::kHalf), points.to(at::kHalf), four, five, 1); }),
            "knn: expected float32 or float64 points, got Half");
  for (double bad : {std::nan(""), kInfinity}) {
    at::Tensor spoilt = points.clone();
    spoilt[3][1] = bad;
    EXPECT_EQ(value_error([&] { knn(query, spoilt, four, five, 1); }),
              "knn: expected finite points, got NaN or infinity in row 3");
    EXPECT_EQ(value_error([&] { knn(spoilt, points, five, five, 1); }),
              "knn: expected finite query, got NaN or infinity in row 3");
  }
}

POINTATTN_INSTANTIATE_OP_TEST(KnnTest);

/// The k nearest features by their definition: sums in float64, rounded to the dtype, sorted.
Neighbors sorted_features(const at::Tensor& query, const at::Tensor& points, int64_t k) {
  const at::Tensor difference = query.to(at::kDouble).unsqueeze(1) - points.to(at::kDouble);
  const at::Tensor sq_dist = difference.square().sum(2).to(query.scalar_type());
  const auto [sorted, index] = at::sort(sq_dist, std::optional<bool>(true), 1, false);
  return {index.narrow(1, 0, k), sorted.narrow(1, 0, k)};
}

class FeatureKnnTest : public testing::TestWithParam<at::ScalarType> {};

TEST_P(FeatureKnnTest, EqualsSortingForAnyNumberOfDimensions) {
  at::manual_seed(3);
  for (int64_t dims : {1, 2, 5, 16, 67, 128}) {
    for (int64_t n : {1, 7, 300, 2500}) {
      const int64_t k = std::min<int64_t>(n, 20);
      // Whole numbers, so sums and ties are exact; then random ones, far from the origin.
      const at::Tensor whole = at::randint(0, 3, {n, dims}).to(GetParam());
      const at::Tensor far = at::randn({n, dims}, at::kDouble).add(30.0).to(GetParam());
      for (const at::Tensor& points : {whole, far}) {
        const at::Tensor query =
            at::cat({points, points + 1}).narrow(0, 0, std::min<int64_t>(n, 60));
        const at::Tensor queries = offsets_of({query.size(0)});
        const Neighbors got = knn(query, points, queries, offsets_of({n}), k);
        const Neighbors expected = sorted_features(query, points, k);
        SCOPED_TRACE(testing::Message() << "D=" << dims << " n=" << n);
        EXPECT_TRUE(at::allclose(got.sq_dist, expected.sq_dist, 1e-6, 0));
        if (points.is_same(whole)) {
          EXPECT_TRUE(at::equal(got.sq_dist, expected.sq_dist));
          EXPECT_TRUE(at::equal(got.index, expected.index));
        }
      }
    }
  }
}

TEST_P(FeatureKnnTest, FarFromTheOriginAndHugeFeaturesStayExact) {
  const at::Tensor near = at::randint(0, 50, {500, 24}).to(GetParam());
  const double far = GetParam() == at::kFloat ? 1e6 : 1e12;
  const at::Tensor offsets = offsets_of({500});
  const Neighbors here = knn(near, near, offsets, offsets, 9);
  const Neighbors there = knn(near + far, near + far, offsets, offsets, 9);
  EXPECT_TRUE(at::equal(here.index, there.index));
  EXPECT_TRUE(at::equal(here.sq_dist, there.sq_dist));
  // Half of the points so far away that products of theirs say nothing about the others.
  const at::Tensor mixed = at::cat({near, near * far + far});
  const Neighbors got = knn(near, mixed, offsets, offsets_of({1000}), 9);
  EXPECT_TRUE(at::equal(got.index, here.index));
  EXPECT_TRUE(at::equal(got.sq_dist, here.sq_dist));
}

TEST_P(FeatureKnnTest, RaggedBatchesThreadsAndGradients) {
  const at::Tensor points = at::randn({900, 10}, at::kDouble).to(GetParam());
  const auto run = [&] {
    const Neighbors got =
        knn(points, points, offsets_of({0, 600, 0, 300}), offsets_of({0, 600, 0, 300}), 6);
    return at::cat({got.index.to(at::kDouble), got.sq_dist.to(at::kDouble)});
  };
  const std::vector<at::Tensor> results = test::for_thread_counts(run);
  for (const at::Tensor& result : results) EXPECT_TRUE(at::equal(result, results[0]));
  const Neighbors alone = knn(points.narrow(0, 600, 300),
                              points.narrow(0, 600, 300),
                              offsets_of({300}),
                              offsets_of({300}),
                              6);
  EXPECT_TRUE(at::equal(results[0].narrow(0, 600, 300), (alone.index + 600).to(at::kDouble)));
  const at::Tensor leaf = points.narrow(0, 0, 5).clone().requires_grad_();
  knn(leaf, points, offsets_of({5}), offsets_of({900}), 3).sq_dist.sum().backward();
  EXPECT_EQ(leaf.grad().sizes(), (at::IntArrayRef{5, 10}));
}

INSTANTIATE_TEST_SUITE_P(Dtypes,
                         FeatureKnnTest,
                         testing::Values(at::kFloat, at::kDouble),
                         [](const auto& info) {
                           return info.param == at::kFloat ? "float32" : "float64";
                         });

TEST(KnnThreads, SameBitsForEveryNumberOfThreads) {
  const at::Tensor points = make_cloud(Cloud::kRandom, 5003, 12).to(at::kFloat);
  const auto run = [&] {
    const Neighbors got =
        knn(points, points, offsets_of({3001, 2002}), offsets_of({3001, 2002}), 7);
    return at::cat({got.index.to(at::kDouble), got.sq_dist.to(at::kDouble)});
  };
  const std::vector<at::Tensor> results = test::for_thread_counts(run);
  for (const at::Tensor& result : results) EXPECT_TRUE(at::equal(result, results[0]));
}

}  // namespace
}  // namespace pointattn::ops
