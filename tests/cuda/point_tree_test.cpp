// SPDX-License-Identifier: Apache-2.0
#include "cuda/point_tree.h"

#include "tests/support/clouds.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace pointattn::test {
namespace {

template <typename T>
struct Found {
  std::vector<int64_t> index;
  std::vector<T> sq_dist;
};

/// Rows by Morton code in the box of `points`.
template <typename T>
at::Tensor rows_in_order(const at::Tensor& xyz, const at::Tensor& points) {
  const at::Tensor low = points.amin(0), high = points.amax(0);
  at::Tensor code = at::empty({xyz.size(0)}, at::kLong);
  cuda::launch_morton_codes<T>(xyz.const_data_ptr<T>(),
                               xyz.size(0),
                               low.const_data_ptr<T>(),
                               high.const_data_ptr<T>(),
                               code.mutable_data_ptr<int64_t>(),
                               nullptr);
  return std::get<1>(code.sort(/*stable=*/true, 0, /*descending=*/false));
}

template <typename T>
Found<T> by_tree(const at::Tensor& query, const at::Tensor& points, int64_t k, T sq_limit) {
  const at::Tensor order = rows_in_order<T>(points, points);
  const at::Tensor query_order = rows_in_order<T>(query, points);
  const cuda::TreeLevels levels = cuda::levels_of(points.size(0));
  const auto places = static_cast<size_t>(levels.begin[1] * cuda::kFanOut);
  const auto nodes = static_cast<size_t>(levels.nodes());
  std::vector<T> xyz(3 * places), box(6 * nodes);
  std::vector<int32_t> row(places), least_row(nodes);
  const cuda::PointTree<T> tree{
      points.size(0), levels, xyz.data(), row.data(), box.data(), least_row.data()};
  cuda::launch_build_tree<T>(
      tree, points.const_data_ptr<T>(), order.const_data_ptr<int64_t>(), nullptr);
  const auto size = static_cast<size_t>(query.size(0) * k);
  Found<T> found{std::vector<int64_t>(size, -7), std::vector<T>(size, T(-7))};
  cuda::TreeSearch<T> search{};
  search.tree = tree;
  search.query = query.const_data_ptr<T>();
  search.order = query_order.const_data_ptr<int64_t>();
  search.queries = query.size(0);
  search.k = k;
  search.first_row = 100;
  search.sq_limit = sq_limit;
  search.index = found.index.data();
  search.sq_dist = found.sq_dist.data();
  cuda::launch_tree_search<T>(search, nullptr);
  return found;
}

/// By sorting all points by distance, then by row.
template <typename T>
Found<T> by_sorting(const at::Tensor& query, const at::Tensor& points, int64_t k, T sq_limit) {
  Found<T> found;
  const auto q = query.accessor<T, 2>();
  const auto p = points.accessor<T, 2>();
  for (int64_t i = 0; i < query.size(0); ++i) {
    std::vector<std::pair<T, int64_t>> all;
    for (int64_t j = 0; j < points.size(0); ++j) {
      const T dx = p[j][0] - q[i][0], dy = p[j][1] - q[i][1], dz = p[j][2] - q[i][2];
      const T d = dx * dx + dy * dy + dz * dz;
      if (d <= sq_limit) all.emplace_back(d, j);
    }
    std::sort(all.begin(), all.end());
    for (int64_t j = 0; j < k; ++j) {
      const bool there = j < static_cast<int64_t>(all.size());
      found.index.push_back(there ? 100 + all[static_cast<size_t>(j)].second : -1);
      found.sq_dist.push_back(there ? all[static_cast<size_t>(j)].first
                                    : std::numeric_limits<T>::infinity());
    }
  }
  return found;
}

template <typename T>
void expect_same(const at::Tensor& query, const at::Tensor& points, int64_t k, T sq_limit) {
  const Found<T> found = by_tree<T>(query, points, k, sq_limit);
  const Found<T> expected = by_sorting<T>(query, points, k, sq_limit);
  EXPECT_EQ(found.index, expected.index) << points.size(0) << " points, k " << k;
  EXPECT_EQ(found.sq_dist, expected.sq_dist);
}

constexpr float kAnywhere = std::numeric_limits<float>::infinity();

TEST(PointTree, FindsWhatSortingFinds) {
  for (const Cloud kind : kClouds) {
    for (const int64_t n : {1, 31, 33, 1100}) {
      const at::Tensor points = make_cloud(kind, n, 4).to(at::kFloat).contiguous();
      const at::Tensor query = points.slice(0, 0, 5).contiguous();
      for (const int64_t k : {1, 16, 40}) {
        SCOPED_TRACE(cloud_name(kind));
        expect_same<float>(query, points, k, kAnywhere);
      }
    }
  }
}

TEST(PointTree, AnyNumberOfNeighboursUpToTheMost) {
  at::manual_seed(1);
  const at::Tensor points = at::rand({2100, 3}, at::kDouble);
  const at::Tensor query = at::rand({2, 3}, at::kDouble) * 3 - 1;  // beyond the box too
  for (const int64_t k : {32, 33, 65, 128, 257, 513, 1024})
    expect_same<double>(query, points, k, std::numeric_limits<double>::infinity());
}

TEST(PointTree, ARadiusEndsTheList) {
  at::manual_seed(2);
  const at::Tensor points = at::rand({3000, 3});
  const at::Tensor query = at::rand({6, 3});
  for (const float radius : {0.F, 0.05F, 0.2F})
    expect_same<float>(query, points, 24, radius * radius);
  expect_same<float>(points.slice(0, 0, 4).contiguous(), points, 3, 0);
}

TEST(PointTree, DistancesThatOverflowAreOrderedByRow) {
  at::manual_seed(3);
  const at::Tensor points = (at::rand({100, 3}) - 0.5) * 5e38;
  expect_same<float>(points.slice(0, 0, 4).contiguous(), points, 40, kAnywhere);
}

TEST(PointTree, EqualPointsAreTakenFromTheLowestRowsWithoutAWalkOverAll) {
  const at::Tensor points = at::ones({40'000, 3});
  const Found<float> found =
      by_tree<float>(points.slice(0, 0, 2).contiguous(), points, 16, kAnywhere);
  for (size_t i = 0; i < found.index.size(); ++i)
    EXPECT_EQ(found.index[i], 100 + static_cast<int64_t>(i % 16));
}

}  // namespace
}  // namespace pointattn::test
