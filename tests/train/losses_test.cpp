// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/losses.h"

#include "pointattn/core/point_batch.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pointattn::train {
namespace {

TEST(SmoothedCrossEntropy, AgreesWithItsDefinition) {
  at::manual_seed(1);
  const at::Tensor scores = at::randn({5, 4}, at::kDouble);
  const at::Tensor truth = at::tensor({0, 3, -1, 2, 2}, at::kLong);
  double sum = 0;
  for (const int64_t i : {0, 1, 3, 4}) {
    const at::Tensor log_p = scores[i].log_softmax(0);
    for (int64_t k = 0; k < 4; ++k) {
      const double target = 0.2 / 4 + (truth[i].item<int64_t>() == k ? 0.8 : 0.0);
      sum -= target * log_p[k].item<double>();
    }
  }
  EXPECT_NEAR(smoothed_cross_entropy(scores, truth, 0.2).item<double>(), sum / 4, 1e-12);
  EXPECT_THROW(smoothed_cross_entropy(scores, truth, 1.0), c10::ValueError);
}

/// Two categories: parts 0 1 and parts 2 3 4.
LabelMap labels() {
  return {{{"A", 0, {{"a", {}}, {"b", {}}}}, {"B", 2, {{"c", {}}, {"d", {}}, {"e", {}}}}}};
}

TEST(PartLoss, AgreesWithItsDefinition) {
  at::manual_seed(2);
  const at::Tensor scores = at::randn({7, 5}, at::kDouble);
  const at::Tensor part = at::tensor({0, 1, 1, 2, 2, 4, 4}, at::kLong);
  const at::Tensor category = at::tensor({0, 1}, at::kLong);
  for (const int64_t shown : {int64_t{-1}, int64_t{1}}) {
    double total = 0;
    const int64_t begins[] = {0, 3, 7};
    for (int64_t b = 0; b < 2; ++b) {
      const int64_t first = b == 0 ? 0 : 2;
      const int64_t width = b == 0 ? 2 : 3;
      const int64_t points = begins[b + 1] - begins[b];
      double entropy = 0;
      std::vector<double> shared(3), predicted(3), present(3);
      for (int64_t i = begins[b]; i < begins[b + 1]; ++i) {
        const bool known = b == 0 || shown >= 0;
        const at::Tensor log_p = (known ? scores[i].narrow(0, first, width).log_softmax(0)
                                        : scores[i].log_softmax(0).narrow(0, first, width));
        for (int64_t k = 0; k < width; ++k) {
          const double truth = part[i].item<int64_t>() - first == k ? 1.0 : 0.0;
          const double log_k = log_p[k].item<double>();
          entropy -= (0.9 * truth + 0.1 / static_cast<double>(width)) * log_k;
          shared[static_cast<size_t>(k)] += truth * std::exp(log_k);
          predicted[static_cast<size_t>(k)] += std::exp(log_k);
          present[static_cast<size_t>(k)] += truth;
        }
      }
      double iou = 0;
      int parts = 0;
      for (size_t k = 0; k < static_cast<size_t>(width); ++k) {
        if (present[k] == 0) continue;
        iou += shared[k] / (predicted[k] + present[k] - shared[k] + 1);
        ++parts;
      }
      total += entropy / static_cast<double>(points) + 0.5 * (1 - iou / parts);
    }
    const at::Tensor given = at::tensor({int64_t{0}, shown}, at::kLong);
    const at::Tensor got =
        part_loss(scores, part, offsets_of({3, 4}), category, given, labels(), 0.1, 0.5);
    EXPECT_NEAR(got.item<double>(), total / 2, 1e-12);
  }
}

TEST(PartLoss, FallsWhenTheTruthIsPredicted) {
  const at::Tensor part = at::tensor({0, 1, 1}, at::kLong);
  const at::Tensor category = at::tensor({0}, at::kLong);
  const auto loss = [&](double certainty) {
    const at::Tensor scores = at::one_hot(part, 5).to(at::kDouble) * certainty;
    return part_loss(scores, part, offsets_of({3}), category, category, labels(), 0.0, 0.5)
        .item<double>();
  };
  EXPECT_LT(loss(5), loss(1));
  EXPECT_LT(loss(1), loss(-1));
}

}  // namespace
}  // namespace pointattn::train
