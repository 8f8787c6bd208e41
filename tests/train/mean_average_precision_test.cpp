// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/retrieval_metrics.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace pointattn::train {
namespace {

at::Tensor ids(std::vector<int64_t> values) { return at::tensor(values, at::kLong); }

/// From the definition: sorts all others, the irrelevant first among equals.
double naive_map(const at::Tensor& feature, const at::Tensor& category) {
  const int64_t shapes = feature.size(0);
  const at::Tensor rows = feature.to(at::kDouble);
  double sum = 0;
  int64_t queries = 0;
  for (int64_t q = 0; q < shapes; ++q) {
    struct Item {
      double cosine;
      bool relevant;
    };
    std::vector<Item> items;
    for (int64_t s = 0; s < shapes; ++s) {
      if (s == q) continue;
      const double product = rows[q].dot(rows[s]).item<double>();
      const double norms = std::sqrt(rows[q].square().sum().item<double>()) *
                           std::sqrt(rows[s].square().sum().item<double>());
      items.push_back({norms > 0 ? product / norms : 0, category[q].equal(category[s])});
    }
    std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
      return a.cosine != b.cosine ? a.cosine > b.cosine : a.relevant < b.relevant;
    });
    double found = 0, precision = 0;
    for (size_t place = 0; place < items.size(); ++place) {
      if (items[place].relevant) precision += ++found / (static_cast<double>(place) + 1);
    }
    if (found == 0) continue;
    sum += precision / found;
    ++queries;
  }
  return sum / static_cast<double>(queries);
}

TEST(MeanAveragePrecision, IsThatOfTheDefinition) {
  at::manual_seed(41);
  for (const int64_t shapes : {2, 17, 130}) {
    const at::Tensor category =
        at::randint(0, std::max<int64_t>(1, shapes / 6), {shapes}, at::kLong);
    const at::Tensor feature = at::randn({shapes, 9}) + 2 * category.unsqueeze(1).sin();
    const auto got = mean_average_precision(feature, category);
    ASSERT_TRUE(got.has_value());
    EXPECT_NEAR(*got, naive_map(feature, category), 1e-12) << shapes;
  }
}

TEST(MeanAveragePrecision, TiesCountAgainst) {
  // Corners of a cube of 4 dimensions, some twice, and zeros: all cosines are exact.
  at::manual_seed(42);
  at::Tensor feature = at::randint(0, 2, {60, 4}, at::kDouble) * 2 - 1;
  feature.narrow(0, 0, 5).zero_();
  const at::Tensor category = at::randint(0, 4, {60}, at::kLong);
  EXPECT_NEAR(*mean_average_precision(feature, category), naive_map(feature, category), 1e-12);
  // All alike: the R = 1 relevant of 3 others has the last place.
  EXPECT_NEAR(*mean_average_precision(at::ones({4, 2}), ids({0, 0, 1, 1})), 1.0 / 3, 1e-12);
}

TEST(MeanAveragePrecision, ByHand) {
  // Directions 0°, 10°, 25° and 90°; the first, third and fourth are of a kind. The first finds 10°
  // wrong, 25° right, 90° right: (1/2 + 2/3)/2. The third: 10° wrong, 0° right, 90° right, the same.
  // The fourth: 25° right, 10° wrong, 0° right: (1 + 2/3)/2. The second asks nothing.
  const at::Tensor angle = at::tensor({0.0, 10.0, 25.0, 90.0}) * (std::acos(-1.0) / 180);
  const at::Tensor feature = at::stack({angle.cos(), angle.sin()}, 1);
  const double wanted = ((0.5 + 2.0 / 3) / 2 * 2 + (1 + 2.0 / 3) / 2) / 3;
  EXPECT_NEAR(*mean_average_precision(feature, ids({0, 1, 0, 0})), wanted, 1e-9);
  // Lengths do not matter.
  const at::Tensor lengths = at::tensor({1e-3, 5.0, 1.0, 1e6}).unsqueeze(1);
  EXPECT_NEAR(*mean_average_precision(feature * lengths, ids({0, 1, 0, 0})), wanted, 1e-9);
  EXPECT_EQ(*mean_average_precision(at::eye(2), ids({3, 3})), 1.0);
}

TEST(MeanAveragePrecision, NothingWhereNothingIsAsked) {
  EXPECT_FALSE(mean_average_precision(at::eye(3), ids({0, 1, 2})).has_value());
  EXPECT_FALSE(mean_average_precision(at::empty({0, 4}), ids({})).has_value());
}

TEST(MeanAveragePrecision, RefusesWhatCannotBeMeant) {
  const at::Tensor feature = at::eye(2);
  EXPECT_THROW(mean_average_precision(feature, ids({0})), c10::ValueError);
  EXPECT_THROW(mean_average_precision(feature, at::zeros({2})), c10::ValueError);
  EXPECT_THROW(mean_average_precision(feature.to(at::kLong), ids({0, 0})), c10::ValueError);
  EXPECT_THROW(mean_average_precision(feature[0], ids({0, 0})), c10::ValueError);
  EXPECT_THROW(mean_average_precision(feature / 0.0, ids({0, 0})), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::train
