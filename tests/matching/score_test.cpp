// SPDX-License-Identifier: Apache-2.0
#include "pointattn/matching/score.h"

#include "tests/matching/reference.h"
#include "tests/support/devices.h"
#include "tests/support/gradients.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include <limits>

namespace pointattn::matching {
namespace {

at::Tensor random(at::IntArrayRef sizes, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(sizes, generator, at::dtype(at::kDouble));
}

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const ScoreKind& kind : score_kinds()) names.push_back(kind.name);
  return names;
}

class EveryKind : public testing::TestWithParam<std::string> {
 protected:
  ScoreOptions options() const {
    ScoreOptions options;
    options.kind = GetParam();
    return options;
  }
};

/// Text t and shape s by plain loops.
double expected(const ScoreOptions& options,
                const at::Tensor& phrases,
                const at::Tensor& parts,
                int64_t t,
                int64_t s) {
  return reference::score(options, reference::rows_of(phrases[t]), reference::rows_of(parts[s]));
}

void expect_reference(const ScoreOptions& options,
                      const at::Tensor& phrases,
                      const at::Tensor& parts,
                      double tolerance) {
  const at::Tensor scores = match(options, phrases, parts).to(at::kCPU, at::kDouble);
  ASSERT_EQ(scores.sizes(), (std::vector<int64_t>{phrases.size(0), parts.size(0)}));
  for (int64_t t = 0; t < phrases.size(0); ++t) {
    for (int64_t s = 0; s < parts.size(0); ++s) {
      EXPECT_NEAR(scores[t][s].item<double>(), expected(options, phrases, parts, t, s), tolerance)
          << "text " << t << ", shape " << s;
    }
  }
}

TEST_P(EveryKind, IsWhatPlainLoopsGive) {
  for (const auto& [W, R] :
       {std::pair<int64_t, int64_t>{3, 2}, {2, 6}, {4, 4}, {1, 5}, {5, 1}, {1, 1}}) {
    const at::Tensor phrases = random({3, W, 7}, 1) * 5, parts = random({4, R, 7}, 2) * 0.01;
    expect_reference(options(), phrases, parts, 1e-12);
    expect_reference(options(), phrases.to(at::kFloat), parts.to(at::kFloat), 2e-6);
  }
}

TEST_P(EveryKind, OnAGpu) {
  POINTATTN_NEED_DEVICE(c10::DeviceType::CUDA);
  const at::Tensor phrases = random({2, 3, 5}, 3).cuda(), parts = random({3, 2, 5}, 4).cuda();
  EXPECT_TRUE(match(options(), phrases, parts).is_cuda());
  EXPECT_TRUE(correspondence(options(), phrases[0], parts[0]).is_cuda());
  expect_reference(options(), phrases, parts, 1e-12);
}

TEST_P(EveryKind, OptionsReachTheScore) {
  ScoreOptions other = options();
  other.temperature = 0.7;
  other.regularization = 0.35;
  other.iterations = 3;
  const at::Tensor phrases = random({2, 4, 6}, 5), parts = random({2, 2, 6}, 6);
  expect_reference(other, phrases, parts, 1e-12);
  const bool changed = !match(other, phrases, parts).equal(match(options(), phrases, parts));
  EXPECT_EQ(changed, GetParam() == "cross" || GetParam() == "sinkhorn");
}

TEST_P(EveryKind, GradientIsThatOfFiniteDifferences) {
  at::Tensor phrases = random({2, 3, 4}, 7).requires_grad_();
  at::Tensor parts = random({3, 2, 4}, 8).requires_grad_();
  const at::Tensor weight = random({2, 3}, 9);
  const auto gradients =
      torch::autograd::grad({(match(options(), phrases, parts) * weight).sum()}, {phrases, parts});
  const at::NoGradGuard no_grad;
  const at::Tensor of_phrases = test::finite_differences(
      [&](const at::Tensor& x) { return (match(options(), x, parts) * weight).sum(); }, phrases);
  const at::Tensor of_parts = test::finite_differences(
      [&](const at::Tensor& x) { return (match(options(), phrases, x) * weight).sum(); }, parts);
  EXPECT_TRUE(at::allclose(gradients[0], of_phrases, 1e-6, 1e-7));
  EXPECT_TRUE(at::allclose(gradients[1], of_parts, 1e-6, 1e-7));
  EXPECT_GT(gradients[0].abs().amin().item<double>(), 0.0);
}

TEST_P(EveryKind, BlocksChangeNothing) {
  // Large enough for several blocks of texts, then for several blocks of shapes.
  for (const auto& [T, S] : {std::pair<int64_t, int64_t>{700, 150}, {2, 40'000}}) {
    const at::Tensor phrases = random({T, 4, 3}, 10).to(at::kFloat);
    const at::Tensor parts = random({S, 3, 3}, 11).to(at::kFloat);
    const at::Tensor whole = match(options(), phrases.detach().requires_grad_(), parts);
    const at::Tensor blocks = match(options(), phrases, parts);
    EXPECT_TRUE(blocks.is_contiguous());
    EXPECT_TRUE(at::allclose(whole, blocks, 1e-5, 2e-5)) << T << " x " << S;
  }
}

TEST_P(EveryKind, WorksInInferenceMode) {
  const c10::InferenceMode inference;
  const at::Tensor phrases = random({500, 4, 3}, 24), parts = random({300, 3, 3}, 25);
  const at::Tensor scores = match(options(), phrases, parts);
  EXPECT_NEAR(scores[499][299].item<double>(),
              match(options(), phrases.narrow(0, 499, 1), parts)[0][299].item<double>(),
              1e-12);
}

TEST_P(EveryKind, TheOrderOfPhrasesPartsTextsAndShapesCountsNothing) {
  const at::Tensor phrases = random({3, 4, 5}, 12), parts = random({2, 3, 5}, 13);
  const at::Tensor scores = match(options(), phrases, parts);
  EXPECT_TRUE(at::allclose(scores, match(options(), phrases.flip(1), parts), 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(scores, match(options(), phrases, parts.flip(1)), 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(
      scores.flip({0, 1}), match(options(), phrases.flip(0), parts.flip(0)), 1e-12, 1e-12));
}

TEST_P(EveryKind, LengthsCountNothing) {
  const at::Tensor phrases = random({2, 3, 5}, 14), parts = random({2, 3, 5}, 15);
  const at::Tensor scores = match(options(), phrases, parts);
  for (const double factor : {1e-300, 1e-30, 1e30, 1e300}) {
    EXPECT_TRUE(at::allclose(scores, match(options(), phrases * factor, parts), 1e-12, 1e-12));
    EXPECT_TRUE(at::allclose(scores, match(options(), phrases, parts * factor), 1e-12, 1e-12));
  }
}

TEST_P(EveryKind, TheSameRowsOnBothSidesScoreHighest) {
  const at::Tensor rows = random({4, 3, 16}, 16);
  const at::Tensor scores = match(options(), rows, rows);
  EXPECT_TRUE(scores.argmax(1).equal(at::arange(4)));
  EXPECT_LE(scores.max().item<double>(), 1.0 + 1e-12);
}

TEST_P(EveryKind, ZeroRowsScoreZeroAndTakeNoGradient) {
  at::Tensor phrases = random({2, 3, 4}, 17);
  phrases[0].zero_();
  phrases[1][1].zero_();
  at::Tensor parts = random({2, 2, 4}, 18);
  parts[1][0].zero_();
  expect_reference(options(), phrases, parts, 1e-12);
  phrases.requires_grad_();
  parts.requires_grad_();
  const at::Tensor scores = match(options(), phrases, parts);
  EXPECT_EQ(scores[0].abs().max().item<double>(), 0.0);
  const auto gradients = torch::autograd::grad({scores.sum()}, {phrases, parts});
  EXPECT_TRUE(at::isfinite(gradients[0]).all().item<bool>());
  EXPECT_EQ(gradients[0][0].abs().max().item<double>(), 0.0);
  EXPECT_EQ(gradients[0][1][1].abs().max().item<double>(), 0.0);
  EXPECT_EQ(gradients[1][1][0].abs().max().item<double>(), 0.0);
  EXPECT_GT(gradients[1][0].abs().max().item<double>(), 0.0);
}

TEST_P(EveryKind, NoTextOrNoShapeIsAnEmptyTable) {
  const at::Tensor phrases = random({2, 3, 4}, 19), parts = random({5, 2, 4}, 20);
  EXPECT_EQ(match(options(), phrases.narrow(0, 0, 0), parts).sizes(), (std::vector<int64_t>{0, 5}));
  EXPECT_EQ(match(options(), phrases, parts.narrow(0, 0, 0)).sizes(), (std::vector<int64_t>{2, 0}));
}

TEST_P(EveryKind, CorrespondenceSharesEachPhraseOut) {
  // Parts that are the phrases in another order, and one that is like none.
  const at::Tensor phrases = at::eye(4, at::kDouble).narrow(0, 0, 3);
  const at::Tensor parts = at::eye(4, at::kDouble).index_select(0, at::tensor({2, 3, 0, 1}));
  const at::Tensor weights = correspondence(options(), phrases, parts);
  EXPECT_EQ(weights.sizes(), (std::vector<int64_t>{3, 4}));
  EXPECT_TRUE(at::allclose(weights.sum(1), at::ones({3}, at::kDouble)));
  EXPECT_GE(weights.min().item<double>(), 0.0);
  EXPECT_TRUE(weights.argmax(1).equal(at::tensor({2, 3, 0}, at::kLong)));
  const at::Tensor lost = correspondence(options(), at::zeros({2, 4}, at::kDouble), parts);
  EXPECT_TRUE(at::allclose(lost.sum(1), at::ones({2}, at::kDouble)));
}

TEST_P(EveryKind, AWholeInFrontIsTheMeanOfItsCosineAndOfTheRest) {
  ScoreOptions whole = options();
  whole.whole = true;
  const at::Tensor phrases = random({3, 4, 5}, 26), parts = random({2, 3, 5}, 27);
  const at::Tensor fronts =
      at::cosine_similarity(phrases.select(1, 0).unsqueeze(1), parts.select(1, 0).unsqueeze(0), 2);
  const at::Tensor rest = match(options(), phrases.narrow(1, 1, 3), parts.narrow(1, 1, 2));
  EXPECT_TRUE(at::allclose(match(whole, phrases, parts), (fronts + rest) / 2, 1e-12, 1e-12));
  // Nothing behind the front on a side: the fronts alone.
  EXPECT_TRUE(at::allclose(match(whole, phrases.narrow(1, 0, 1), parts), fronts, 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(match(whole, phrases, parts.narrow(1, 0, 1)), fronts, 1e-12, 1e-12));

  const at::Tensor weights = correspondence(whole, phrases[0], parts[0]);
  EXPECT_TRUE(at::allclose(weights.sum(1), at::ones({4}, at::kDouble)));
  EXPECT_EQ(weights[0][0].item<double>(), 1.0) << "the fronts meet each other";
  EXPECT_EQ(weights.select(1, 0).narrow(0, 1, 3).abs().max().item<double>(), 0.0);
  EXPECT_TRUE(
      at::allclose(weights.narrow(0, 1, 3).narrow(1, 1, 2),
                   correspondence(options(), phrases[0].narrow(0, 1, 3), parts[0].narrow(0, 1, 2)),
                   1e-12,
                   1e-12));
}

TEST_P(EveryKind, RefusesWhatItCannotMatch) {
  const at::Tensor phrases = random({2, 3, 4}, 21), parts = random({2, 2, 4}, 22);
  EXPECT_THROW(match(options(), phrases[0], parts), c10::ValueError);
  EXPECT_THROW(match(options(), phrases, random({2, 2, 5}, 23)), c10::ValueError);
  EXPECT_THROW(match(options(), phrases, parts.to(at::kFloat)), c10::ValueError);
  EXPECT_THROW(match(options(), phrases.to(at::kLong), parts.to(at::kLong)), c10::ValueError);
  EXPECT_THROW(match(options(), phrases.narrow(1, 0, 0), parts), c10::ValueError);
  EXPECT_THROW(match(options(), phrases, parts.narrow(1, 0, 0)), c10::ValueError);
  EXPECT_THROW(match(options(), phrases.narrow(2, 0, 0), parts.narrow(2, 0, 0)), c10::ValueError);
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    at::Tensor spoilt = phrases.clone();
    spoilt[1][2][3] = bad;
    EXPECT_THROW(match(options(), spoilt, parts), c10::ValueError);
    EXPECT_THROW(match(options(), parts, spoilt), c10::ValueError);
    EXPECT_THROW(correspondence(options(), spoilt[1], parts[0]), c10::ValueError);
  }
  EXPECT_THROW(correspondence(options(), phrases, parts), c10::ValueError);
}

INSTANTIATE_TEST_SUITE_P(Matching,
                         EveryKind,
                         testing::ValuesIn(kind_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace pointattn::matching
