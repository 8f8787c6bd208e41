// SPDX-License-Identifier: Apache-2.0
#include "pointattn/matching/losses.h"

#include "tests/support/gradients.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include <cmath>
#include <functional>
#include <limits>
#include <optional>

namespace pointattn::matching {
namespace {

at::Tensor random_scores(int64_t size, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::rand({size, size}, generator, at::dtype(at::kDouble)) * 2 - 1;
}

at::Tensor marked(int64_t size, std::vector<std::pair<int64_t, int64_t>> pairs) {
  at::Tensor same = at::zeros({size, size}, at::kBool);
  for (const auto& [i, j] : pairs) same[i][j] = true;
  return same;
}

bool is_negative(const at::Tensor& same, int64_t i, int64_t j) {
  return i != j && !(same.defined() && same[i][j].item<bool>());
}

double naive_info_nce(const at::Tensor& scores, double scale, const at::Tensor& same) {
  const int64_t B = scores.size(0);
  double loss = 0;
  for (int64_t i = 0; i < B; ++i) {
    const auto value = [&](int64_t r, int64_t c) { return scale * scores[r][c].item<double>(); };
    double row = std::exp(value(i, i)), column = row;
    for (int64_t j = 0; j < B; ++j) {
      if (is_negative(same, i, j)) row += std::exp(value(i, j));
      if (is_negative(same, j, i)) column += std::exp(value(j, i));
    }
    loss += std::log(row) + std::log(column) - 2 * value(i, i);
  }
  return loss / static_cast<double>(2 * B);
}

/// One row of the triplet loss: `score(j)` of the anchor, `negative(j)` whether j may be one.
double naive_triplet(int64_t B,
                     double truth,
                     double margin,
                     const std::function<double(int64_t)>& score,
                     const std::function<bool(int64_t)>& negative) {
  std::optional<double> semi_hard, hardest;
  for (int64_t j = 0; j < B; ++j) {
    if (!negative(j)) continue;
    const double s = score(j);
    if (!hardest || s > *hardest) hardest = s;
    if (s < truth && s > truth - margin && (!semi_hard || s > *semi_hard)) semi_hard = s;
  }
  if (!hardest) return 0;
  return std::max(0.0, margin + semi_hard.value_or(*hardest) - truth);
}

double naive_semi_hard(const at::Tensor& scores, double margin, const at::Tensor& same) {
  const int64_t B = scores.size(0);
  double loss = 0;
  for (int64_t i = 0; i < B; ++i) {
    const double truth = scores[i][i].item<double>();
    loss += naive_triplet(
        B,
        truth,
        margin,
        [&](int64_t j) { return scores[i][j].item<double>(); },
        [&](int64_t j) { return is_negative(same, i, j); });
    loss += naive_triplet(
        B,
        truth,
        margin,
        [&](int64_t j) { return scores[j][i].item<double>(); },
        [&](int64_t j) { return is_negative(same, j, i); });
  }
  return loss / static_cast<double>(2 * B);
}

TEST(InfoNce, IsWhatPlainLoopsGive) {
  for (const int64_t B : {1, 2, 7}) {
    for (const double log_scale : {-1.0, 0.0, 2.5}) {
      const at::Tensor scores = random_scores(B, 1);
      const double loss = info_nce(scores, at::tensor(log_scale, at::kDouble)).item<double>();
      EXPECT_NEAR(loss, naive_info_nce(scores, std::exp(log_scale), {}), 1e-12);
    }
  }
}

TEST(InfoNce, MarkedPairsAreLeftOut) {
  const at::Tensor scores = random_scores(5, 2);
  const at::Tensor log_scale = at::tensor(1.0, at::kDouble);
  // Not symmetric, and with a mark on the diagonal, which counts nothing.
  const at::Tensor same = marked(5, {{0, 3}, {3, 0}, {1, 2}, {4, 4}});
  EXPECT_NEAR(info_nce(scores, log_scale, same).item<double>(),
              naive_info_nce(scores, std::exp(1.0), same),
              1e-12);
  const at::Tensor all = at::ones({5, 5}, at::kBool);
  EXPECT_NEAR(info_nce(scores, log_scale, all).item<double>(), 0.0, 1e-12);
}

TEST(InfoNce, GradientIsThatOfFiniteDifferences) {
  at::Tensor scores = random_scores(4, 3).requires_grad_();
  at::Tensor log_scale = at::tensor({1.3}, at::kDouble).requires_grad_();
  const at::Tensor same = marked(4, {{0, 2}, {2, 0}});
  const auto gradients =
      torch::autograd::grad({info_nce(scores, log_scale, same)}, {scores, log_scale});
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(
      at::allclose(gradients[0],
                   test::finite_differences(
                       [&](const at::Tensor& x) { return info_nce(x, log_scale, same); }, scores),
                   1e-6,
                   1e-8));
  EXPECT_TRUE(
      at::allclose(gradients[1],
                   test::finite_differences(
                       [&](const at::Tensor& x) { return info_nce(scores, x, same); }, log_scale),
                   1e-6,
                   1e-8));
}

TEST(InfoNce, TheScaleEndsAtItsLimitButMayComeBack) {
  const at::Tensor right = at::eye(3, at::kDouble);      // wants a larger scale
  const at::Tensor wrong = 1 - at::eye(3, at::kDouble);  // wants a smaller one
  at::Tensor log_scale = at::tensor(10.0, at::kDouble).requires_grad_();
  const at::Tensor loss = info_nce(wrong, log_scale);
  EXPECT_NEAR(loss.item<double>(), naive_info_nce(wrong, kMaxScale, {}), 1e-9);
  EXPECT_NEAR(torch::autograd::grad({loss}, {log_scale})[0].item<double>(), 100.0, 1e-9);
  // Close scores keep the gradient above rounding.
  const at::Tensor close = info_nce(right * 0.01, log_scale);
  EXPECT_EQ(torch::autograd::grad({close}, {log_scale})[0].item<double>(), 0.0);
  at::Tensor below = at::tensor(1.0, at::kDouble).requires_grad_();
  EXPECT_LT(torch::autograd::grad({info_nce(right, below)}, {below})[0].item<double>(), 0.0);
}

TEST(Distillation, IsWhatPlainLoopsGiveAndNothingForTheTeachersOwnScores) {
  const at::Tensor scores = random_scores(5, 4), teacher = random_scores(5, 5);
  const at::Tensor log_scale = at::tensor({0.8}, at::kDouble);
  const double scale = std::exp(0.8);
  const auto probability = [&](const at::Tensor& of, int64_t i, int64_t j, bool by_row) {
    double sum = 0;
    for (int64_t k = 0; k < 5; ++k) {
      sum += std::exp(scale * (by_row ? of[i][k] : of[k][j]).item<double>());
    }
    return std::exp(scale * of[i][j].item<double>()) / sum;
  };
  double expected = 0;
  for (int64_t i = 0; i < 5; ++i) {
    for (int64_t j = 0; j < 5; ++j) {
      for (const bool by_row : {true, false}) {
        const double truth = probability(teacher, i, j, by_row);
        expected += truth * std::log(truth / probability(scores, i, j, by_row)) / 10;
      }
    }
  }
  EXPECT_NEAR(distillation(scores, teacher, log_scale).item<double>(), expected, 1e-12);
  EXPECT_NEAR(distillation(teacher, teacher, log_scale).item<double>(), 0, 1e-12);
  EXPECT_THROW(distillation(scores, random_scores(4, 5), log_scale), c10::ValueError);
  EXPECT_THROW(distillation(scores, teacher, log_scale.to(at::kFloat)), c10::ValueError);
}

TEST(Distillation, OnlyThePupilLearns) {
  at::Tensor scores = random_scores(4, 6).requires_grad_();
  at::Tensor teacher = random_scores(4, 7).requires_grad_();
  const at::Tensor log_scale = at::tensor({0.5}, at::kDouble);
  const auto gradients = torch::autograd::grad({distillation(scores, teacher, log_scale)},
                                               {scores, teacher},
                                               {},
                                               std::nullopt,
                                               false,
                                               /*allow_unused=*/true);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::allclose(
      gradients[0],
      test::finite_differences(
          [&](const at::Tensor& x) { return distillation(x, teacher, log_scale); }, scores),
      1e-6,
      1e-8));
  EXPECT_FALSE(gradients[1].defined());
}

TEST(SemiHardTriplet, IsWhatPlainLoopsGive) {
  for (const int64_t B : {1, 2, 3, 9}) {
    for (const double margin : {0.05, 0.2, 1.5}) {
      for (uint64_t seed = 0; seed < 5; ++seed) {
        const at::Tensor scores = random_scores(B, seed);
        EXPECT_NEAR(semi_hard_triplet(scores, margin).item<double>(),
                    naive_semi_hard(scores, margin, {}),
                    1e-12);
        const at::Tensor same = marked(B, {{0, B - 1}, {B - 1, 0}, {B / 2, 0}});
        EXPECT_NEAR(semi_hard_triplet(scores, margin, same).item<double>(),
                    naive_semi_hard(scores, margin, same),
                    1e-12);
      }
    }
  }
}

TEST(SemiHardTriplet, ByHand) {
  // Row 0: 0.4 is semi-hard though 0.9 is harder. Row 1: only 0.9 and 0.8 above 0.1: the hardest.
  // Row 2: all far below: nothing to pay.
  const at::Tensor scores =
      at::tensor({0.5, 0.4, 0.9, 0.9, 0.1, 0.8, -0.9, -0.8, 0.9}, at::kDouble).view({3, 3});
  // Rows: 0.2 + 0.4 − 0.5, 0.2 + 0.9 − 0.1, 0. Columns: 0.2 + 0.9 − 0.5; 0.2 + 0.4 − 0.1; 0.2 +
  // 0.8 − 0.9, since 0.9 does not lie below 0.9.
  EXPECT_NEAR(semi_hard_triplet(scores, 0.2).item<double>(),
              (0.1 + 1.0 + 0.0 + 0.6 + 0.5 + 0.1) / 6,
              1e-12);
}

TEST(SemiHardTriplet, GradientIsThatOfFiniteDifferences) {
  at::Tensor scores = random_scores(6, 4).requires_grad_();
  const at::Tensor same = marked(6, {{1, 2}, {2, 1}});
  const auto gradient = torch::autograd::grad({semi_hard_triplet(scores, 0.3, same)}, {scores})[0];
  const at::NoGradGuard no_grad;
  const at::Tensor differences = test::finite_differences(
      [&](const at::Tensor& x) { return semi_hard_triplet(x, 0.3, same); }, scores);
  EXPECT_TRUE(at::allclose(gradient, differences, 1e-6, 1e-8));
  EXPECT_EQ(gradient[1][2].item<double>(), 0.0);
}

TEST(SemiHardTriplet, WithoutNegativesItIsZeroWithZeroGradient) {
  at::Tensor scores = random_scores(3, 5).requires_grad_();
  const at::Tensor loss = semi_hard_triplet(scores, 0.2, at::ones({3, 3}, at::kBool));
  EXPECT_EQ(loss.item<double>(), 0.0);
  EXPECT_EQ(torch::autograd::grad({loss}, {scores})[0].abs().max().item<double>(), 0.0);
}

TEST(MatchingLosses, RefuseWhatCannotBeMeant) {
  const at::Tensor scores = random_scores(3, 6), log_scale = at::tensor(0.0, at::kDouble);
  EXPECT_THROW(info_nce(scores.narrow(0, 0, 2), log_scale), c10::ValueError);
  EXPECT_THROW(info_nce(at::empty({0, 0}, at::kDouble), log_scale), c10::ValueError);
  EXPECT_THROW(info_nce(scores, at::zeros({2}, at::kDouble)), c10::ValueError);
  EXPECT_THROW(info_nce(scores, at::zeros({1}, at::kFloat)), c10::ValueError);
  EXPECT_THROW(info_nce(scores, log_scale, at::zeros({3, 3}, at::kLong)), c10::ValueError);
  EXPECT_THROW(info_nce(scores, log_scale, at::zeros({2, 3}, at::kBool)), c10::ValueError);
  EXPECT_THROW(semi_hard_triplet(scores, 0), c10::ValueError);
  EXPECT_THROW(semi_hard_triplet(scores, std::numeric_limits<double>::quiet_NaN()),
               c10::ValueError);
  EXPECT_THROW(semi_hard_triplet(scores[0], 0.2), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::matching
