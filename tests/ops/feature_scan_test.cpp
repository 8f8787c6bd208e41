// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/feature_scan.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace pointattn::ops {
namespace {

// Each instruction set in turn: OperatorKernels in CMakeLists.txt.
template <typename T>
class FeatureScanTest : public testing::Test {
 protected:
  static at::Tensor random(at::IntArrayRef sizes) {
    return at::randn(sizes, at::dtype(c10::CppTypeToScalarType<T>::value));
  }
};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(FeatureScanTest, Types);

TYPED_TEST(FeatureScanTest, TakesTheColumnsWithinTheLimit) {
  using T = TypeParam;
  at::manual_seed(1);
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  for (const int64_t n : {0, 1, 31, 32, 33, 64, 200}) {
    const at::Tensor product = this->random({n});
    const at::Tensor base = this->random({n});
    const T* p = product.const_data_ptr<T>();
    const T* b = base.const_data_ptr<T>();
    // Nothing, few (most blocks have none), half, on the limit itself, all.
    for (const T limit : {-kInfinity, T(-4), T(0), n > 0 ? b[0] - 2 * p[0] : T(1), kInfinity}) {
      std::vector<int32_t> expected;
      for (int64_t j = 0; j < n; ++j)
        if (b[j] - 2 * p[j] <= limit) expected.push_back(static_cast<int32_t>(j));
      std::vector<int32_t> taken(static_cast<size_t>(n), -1);
      taken.resize(static_cast<size_t>(columns_within(p, b, n, limit, taken.data())));
      EXPECT_EQ(taken, expected) << n << " columns, limit " << limit;
    }
  }
}

/// The sum by the operator's definition: sixteen sums side by side, then halved.
double sum_of_squares(const std::vector<double>& differences) {
  double sums[16] = {};
  for (size_t d = 0; d < differences.size(); ++d) sums[d % 16] += differences[d] * differences[d];
  for (int half = 8; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) sums[i] += sums[i + half];
  return sums[0];
}

TYPED_TEST(FeatureScanTest, DistancesHaveTheSameBitsOnEveryMachine) {
  using T = TypeParam;
  at::manual_seed(2);
  const std::vector<int32_t> rows = {4, 0, 4, 19, 7};
  for (const int64_t dims : {1, 2, 15, 16, 17, 64, 67, 128, 500}) {
    const at::Tensor points = this->random({20, dims});
    const at::Tensor query = this->random({dims});
    std::vector<T> got(rows.size());
    exact_sq_dist(query.const_data_ptr<T>(),
                  points.const_data_ptr<T>(),
                  dims,
                  rows.data(),
                  static_cast<int64_t>(rows.size()),
                  got.data());
    for (size_t i = 0; i < rows.size(); ++i) {
      std::vector<double> differences;
      for (int64_t d = 0; d < dims; ++d) {
        differences.push_back(static_cast<double>(query.const_data_ptr<T>()[d]) -
                              static_cast<double>(points.const_data_ptr<T>()[rows[i] * dims + d]));
      }
      EXPECT_EQ(got[i], static_cast<T>(sum_of_squares(differences))) << dims << " dims, " << i;
    }
  }
}

}  // namespace
}  // namespace pointattn::ops
