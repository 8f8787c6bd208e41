// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/point_kernels.h"

#include "pointattn/ops/farthest_point_sample_buckets.h"
#include "pointattn/ops/knn_tree.h"
#include "tests/reference/neighbors.h"
#include "tests/support/clouds.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace pointattn::ops {
namespace {

using test::Cloud;
using test::make_cloud;

template <typename T>
struct NamedKernels {
  std::string name;
  const search::Kernels<T>* kernels;
};

/// The tables that this machine can run.
template <typename T>
std::vector<NamedKernels<T>> runnable() {
  std::vector<NamedKernels<T>> all{{"baseline", &search::baseline_kernels<T>()}};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v3")) all.push_back({"avx2", &search::avx2_kernels<T>()});
  if (__builtin_cpu_supports("x86-64-v4")) all.push_back({"avx512", &search::avx512_kernels<T>()});
#endif
  return all;
}

template <typename T>
class PointKernelsTest : public testing::Test {
 protected:
  static constexpr T kAnywhere = std::numeric_limits<T>::infinity();

  static at::Tensor cloud(Cloud kind, int64_t n, uint64_t seed) {
    return make_cloud(kind, n, seed).to(c10::CppTypeToScalarType<T>::value).contiguous();
  }

  /// The search of each table against sorting, bit for bit.
  static void expect_nearest(const at::Tensor& query,
                             const at::Tensor& points,
                             T limit,
                             int64_t k) {
    const Neighbors expected = reference::neighbors(query,
                                                    points,
                                                    {0, query.size(0)},
                                                    {0, points.size(0)},
                                                    std::numeric_limits<double>::infinity(),
                                                    k);
    const at::Tensor in_reach = expected.sq_dist.le(limit);
    const at::Tensor index = expected.index.where(in_reach, at::scalar_tensor(-1, at::kLong));
    const at::Tensor sq_dist =
        expected.sq_dist.where(in_reach, at::scalar_tensor(kAnywhere, query.options()));
    const KdTree<T> tree(points.const_data_ptr<T>(), points.size(0));
    const bool own = query.is_same(points);
    for (const auto& [name, kernels] : runnable<T>()) {
      const at::Tensor got_index = at::empty_like(expected.index);
      const at::Tensor got_sq_dist = at::empty_like(expected.sq_dist);
      tree.nearest(
          {query.const_data_ptr<T>(), own ? tree.rows() : nullptr, query.size(0)},
          limit,
          {got_index.mutable_data_ptr<int64_t>(), got_sq_dist.mutable_data_ptr<T>(), 0, k, nullptr},
          *kernels);
      EXPECT_TRUE(at::equal(got_index, index)) << name;
      EXPECT_TRUE(at::equal(got_sq_dist, sq_dist)) << name;
    }
  }
};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(PointKernelsTest, Types);

TYPED_TEST(PointKernelsTest, EveryInstructionSetSortsExactly) {
  for (Cloud kind : test::kClouds) {
    const at::Tensor points = this->cloud(kind, 611, 1);
    const at::Tensor query = this->cloud(kind, 37, 2);
    for (int64_t k : {1, 2, 16, 17, 33, 65, 129, 257}) {  // one of each kind of list
      SCOPED_TRACE(testing::Message() << test::cloud_name(kind) << " k=" << k);
      this->expect_nearest(query, points, this->kAnywhere, k);
      if (k == 16) this->expect_nearest(points, points, this->kAnywhere, k);
      this->expect_nearest(query, points, TypeParam(0.04), k);
    }
  }
}

TYPED_TEST(PointKernelsTest, SizesAroundLeavesAndNodes) {
  for (int64_t n : {1, 15, 16, 17, 255, 256, 257, 4097}) {
    SCOPED_TRACE(n);
    const at::Tensor points = this->cloud(Cloud::kRandom, n, 3);
    this->expect_nearest(points.narrow(0, 0, std::min<int64_t>(n, 40)).clone(),
                         points,
                         this->kAnywhere,
                         std::min<int64_t>(n, 20));
    if (n <= 300) this->expect_nearest(points, points, this->kAnywhere, n);
  }
}

TYPED_TEST(PointKernelsTest, MoreNeighborsThanPointsArePadded) {
  const at::Tensor points = this->cloud(Cloud::kRandom, 21, 4);
  for (int64_t k : {22, 64, 300}) this->expect_nearest(points, points, this->kAnywhere, k);
}

TYPED_TEST(PointKernelsTest, CountsAndListsOfTheirSizes) {
  for (Cloud kind : test::kClouds) {
    const at::Tensor points = this->cloud(kind, 509, 5);
    for (TypeParam limit : {TypeParam(0), TypeParam(0.02), TypeParam(1), this->kAnywhere}) {
      const Neighbors expected = reference::neighbors(
          points, points, {0, 509}, {0, 509}, std::numeric_limits<double>::infinity(), 509);
      const at::Tensor in_reach = expected.sq_dist.le(limit);
      const at::Tensor counts = in_reach.sum(1);
      const at::Tensor starts = at::cat({at::zeros({1}, at::kLong), counts.cumsum(0)});
      const KdTree<TypeParam> tree(points.const_data_ptr<TypeParam>(), 509);
      for (const auto& [name, kernels] : runnable<TypeParam>()) {
        SCOPED_TRACE(testing::Message() << test::cloud_name(kind) << " " << name << " " << limit);
        const search::Queries<TypeParam> queries{
            points.const_data_ptr<TypeParam>(), tree.rows(), 509};
        const at::Tensor got = at::empty({509}, at::kLong);
        tree.count(queries, limit, got.mutable_data_ptr<int64_t>(), *kernels);
        ASSERT_TRUE(at::equal(got, counts));
        const at::Tensor index = at::empty({starts[-1].item<int64_t>()}, at::kLong);
        const at::Tensor sq_dist = at::empty(index.sizes(), points.options());
        tree.nearest(queries,
                     limit,
                     {index.mutable_data_ptr<int64_t>(),
                      sq_dist.mutable_data_ptr<TypeParam>(),
                      0,
                      0,
                      starts.const_data_ptr<int64_t>()},
                     *kernels);
        EXPECT_TRUE(at::equal(index, expected.index.masked_select(in_reach)));
        EXPECT_TRUE(at::equal(sq_dist, expected.sq_dist.masked_select(in_reach)));
      }
    }
  }
}

TYPED_TEST(PointKernelsTest, EveryInstructionSetTakesTheSamePoints) {
  for (Cloud kind : test::kClouds) {
    for (int64_t n : {1, 63, 64, 65, 1025}) {
      const at::Tensor points = this->cloud(kind, n, 6);
      const int64_t count = std::min<int64_t>(n, 120);
      const std::vector<int64_t> expected = reference::farthest_points(points, count);
      for (const auto& [name, kernels] : runnable<TypeParam>()) {
        std::vector<int64_t> taken(static_cast<size_t>(count));
        farthest_points(points.const_data_ptr<TypeParam>(), n, count, 0, 1, taken.data(), *kernels);
        EXPECT_EQ(taken, expected) << name << " " << test::cloud_name(kind) << " n=" << n;
      }
    }
  }
}

}  // namespace
}  // namespace pointattn::ops
