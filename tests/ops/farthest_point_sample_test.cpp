// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/farthest_point_sample.h"

#include "pointattn/core/point_batch.h"
#include "tests/ops/ops_test.h"
#include "tests/reference/neighbors.h"
#include "tests/support/clouds.h"

namespace pointattn::ops {
namespace {

using test::Cloud;
using test::make_cloud;
using test::value_error;

at::Tensor counts(std::vector<int64_t> values) { return at::tensor(values, at::kLong); }

class FarthestPointSampleTest : public test::OpTest {
 protected:
  std::vector<int64_t> sample(const at::Tensor& points,
                              std::vector<int64_t> sizes,
                              std::vector<int64_t> wanted) {
    const at::Tensor taken =
        farthest_point_sample(operand(points), offsets_of(sizes), counts(wanted)).cpu();
    EXPECT_EQ(taken.scalar_type(), at::kLong);
    return {taken.const_data_ptr<int64_t>(), taken.const_data_ptr<int64_t>() + taken.numel()};
  }
};

TEST_P(FarthestPointSampleTest, EqualsTheDefinition) {
  for (Cloud cloud : test::kClouds) {
    for (int64_t n : {1, 2, 127, 128, 129, 1021}) {
      const at::Tensor points = make_cloud(cloud, n, 1).to(dtype());
      const int64_t count = std::min<int64_t>(n, 150);
      EXPECT_EQ(sample(points, {n}, {count}), reference::farthest_points(points, count))
          << test::cloud_name(cloud) << " n=" << n;
    }
  }
}

TEST_P(FarthestPointSampleTest, TakingAllTakesEachOnceAndDuplicatesLast) {
  const at::Tensor half = make_cloud(Cloud::kRandom, 150, 2).to(dtype());
  const std::vector<int64_t> taken = sample(at::cat({half, half}), {300}, {300});
  for (int64_t i = 0; i < 150; ++i) {
    EXPECT_LT(taken[static_cast<size_t>(i)], 150);
    EXPECT_EQ(taken[static_cast<size_t>(150 + i)], 150 + i);
  }
  std::vector<int64_t> sorted = taken;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 300; ++i) EXPECT_EQ(sorted[static_cast<size_t>(i)], i);
}

TEST_P(FarthestPointSampleTest, UnevenBatchEqualsItsClouds) {
  const at::Tensor points = make_cloud(Cloud::kRandom, 5 + 0 + 300 + 7, 3).to(dtype());
  const std::vector<int64_t> got = sample(points, {5, 0, 300, 7}, {5, 0, 20, 0});
  std::vector<int64_t> expected = reference::farthest_points(points.slice(0, 0, 5), 5);
  for (int64_t row : reference::farthest_points(points.slice(0, 5, 305), 20))
    expected.push_back(row + 5);
  EXPECT_EQ(got, expected);
  EXPECT_TRUE(sample(points.slice(0, 0, 0), {0}, {0}).empty());
}

TEST_P(FarthestPointSampleTest, LargeCloudCoversItself) {
  // Each point taken is at most as far from the earlier ones as the one before it: the greedy
  // radius never grows.
  const at::Tensor points = make_cloud(Cloud::kRandom, 200'000, 4).to(dtype());
  const std::vector<int64_t> taken = sample(points, {200'000}, {300});
  const at::Tensor chosen = points.index_select(0, counts(taken)).to(at::kDouble);
  const at::Tensor distance = at::cdist(chosen, chosen);
  double last = std::numeric_limits<double>::infinity();
  for (int64_t i = 1; i < 300; ++i) {
    const double nearest = distance[i].slice(0, 0, i).min().item<double>();
    EXPECT_LE(nearest, last * (1 + 1e-5)) << "step " << i;
    last = nearest;
  }
  const double covered =
      std::get<0>(at::cdist(points.slice(0, 0, 5000).to(at::kDouble), chosen).min(1))
          .max()
          .item<double>();
  EXPECT_LE(covered, last * (1 + 1e-5));
}

TEST_P(FarthestPointSampleTest, BadInputIsRefused) {
  const at::Tensor points = operand(at::rand({6, 3}));
  const at::Tensor offsets = offsets_of({4, 2});
  EXPECT_EQ(value_error([&] {
              farthest_point_sample(points, offsets, counts({4, 3}));
            }),
            "farthest_point_sample: expected a count of 0 … 2 for cloud 1, got 3");
  EXPECT_EQ(value_error([&] {
              farthest_point_sample(points, offsets, counts({-1, 0}));
            }),
            "farthest_point_sample: expected a count of 0 … 4 for cloud 0, got -1");
  EXPECT_EQ(value_error([&] { farthest_point_sample(points, offsets, counts({1})); }),
            "farthest_point_sample: expected counts [B] with B=2, got [1]");
  EXPECT_EQ(value_error([&] {
              farthest_point_sample(points / 0, offsets, counts({1, 1}));
            }),
            "farthest_point_sample: expected finite points, got NaN or infinity in row 0");
}

POINTATTN_INSTANTIATE_OP_TEST(FarthestPointSampleTest);

TEST(FarthestPointSampleThreads, SameForEveryNumberOfThreads) {
  const at::Tensor points = make_cloud(Cloud::kLattice, 2000, 5).to(at::kFloat);
  const std::vector<at::Tensor> results = test::for_thread_counts([&] {
    return farthest_point_sample(points, offsets_of({900, 600, 500}), counts({100, 600, 7}));
  });
  for (const at::Tensor& result : results) EXPECT_TRUE(at::equal(result, results[0]));
}

}  // namespace
}  // namespace pointattn::ops
