// SPDX-License-Identifier: Apache-2.0
// What single kinds of score promise, and their options.
#include "pointattn/matching/score.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

namespace pointattn::matching {
namespace {

at::Tensor random(at::IntArrayRef sizes, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(sizes, generator, at::dtype(at::kDouble));
}

TEST(LateScore, OfEqualMaximaTheFirstGetsTheGradient) {
  // One phrase, two equal parts: the phrase's maximum is the first; each part's is the phrase.
  const at::Tensor phrase = at::tensor({1.0, 0.0}).view({1, 1, 2});
  at::Tensor parts = at::tensor({1.0, 1.0, 1.0, 1.0}).view({1, 2, 2}).requires_grad_();
  const at::Tensor score = match({}, phrase, parts).sum();
  const at::Tensor gradient = torch::autograd::grad({score}, {parts})[0][0];
  EXPECT_NEAR((gradient[0] / gradient[1])[0].item<double>(), 3.0, 1e-5);  // (1 + 1/2) to 1/2
}

TEST(LateScore, CorrespondenceIsWhatEachPairAddsToTheScore) {
  // Cosines: phrase 0 with the parts 1, 0, 0.6; phrase 1 with 0, 1, 0.8.
  const at::Tensor phrases = at::eye(2, at::kDouble);
  const at::Tensor parts = at::tensor({1.0, 0.0, 0.0, 1.0, 0.6, 0.8}, at::kDouble).view({3, 2});
  const at::Tensor weights = correspondence({}, phrases, parts);
  // Row 0: 1/2 + 1/3 to part 0. Row 1: 1/2 + 1/3 to part 1, 1/3 to part 2.
  const at::Tensor expected =
      at::tensor({1.0, 0.0, 0.0, 0.0, 5.0 / 7, 2.0 / 7}, at::kDouble).view({2, 3});
  EXPECT_TRUE(at::allclose(weights, expected));
}

TEST(SinkhornScore, TendsToTheExactTransport) {
  const at::Tensor phrases = random({4, 5, 6}, 30), parts = random({4, 3, 6}, 31);
  ScoreOptions exact;
  exact.kind = "transport";
  const at::Tensor truth = match(exact, phrases, parts);
  ScoreOptions entropic;
  entropic.kind = "sinkhorn";
  entropic.iterations = 20'000;
  double before = 1.0;
  for (const double regularization : {0.3, 0.1, 0.03, 0.01, 0.003}) {
    entropic.regularization = regularization;
    const at::Tensor gap = truth - match(entropic, phrases, parts);
    EXPECT_GT(gap.min().item<double>(), -1e-9);  // no plan is better than the best
    EXPECT_LT(gap.max().item<double>(), before);
    before = gap.max().item<double>();
  }
  EXPECT_LT(before, 5e-3);
}

TEST(SinkhornScore, ThePlanHasUniformMasses) {
  const at::Tensor phrases = random({4, 6}, 32), parts = random({3, 6}, 33);
  ScoreOptions options;
  options.kind = "sinkhorn";
  options.iterations = 500;
  // Rows are scaled to one, so columns sum to W / R when the rows' masses are equal.
  const at::Tensor plan = correspondence(options, phrases, parts);
  EXPECT_TRUE(at::allclose(plan.sum(0), at::full({3}, 4.0 / 3, at::kDouble), 1e-10, 1e-10));
  options.kind = "transport";
  const at::Tensor exact = correspondence(options, phrases, parts);
  EXPECT_TRUE(at::allclose(exact.sum(0), at::full({3}, 4.0 / 3, at::kDouble), 1e-12, 1e-12));
}

TEST(SinkhornScore, IsFiniteForATinyRegularization) {
  // exp(−1 / 1e-4) is zero in any dtype: only log space gets through.
  ScoreOptions options;
  options.kind = "sinkhorn";
  options.regularization = 1e-4;
  const at::Tensor phrases = random({3, 4, 5}, 34).to(at::kFloat).requires_grad_();
  const at::Tensor parts = random({3, 6, 5}, 35).to(at::kFloat);
  const at::Tensor scores = match(options, phrases, parts);
  EXPECT_TRUE(at::isfinite(scores).all().item<bool>());
  const at::Tensor gradient = torch::autograd::grad({scores.sum()}, {phrases})[0];
  EXPECT_TRUE(at::isfinite(gradient).all().item<bool>());
  const at::Tensor weights = correspondence(options, phrases[0], parts[0]);
  EXPECT_TRUE(at::allclose(weights.sum(1), at::ones({4})));
}

TEST(ScoreOptionsTest, PassThroughJson) {
  ScoreOptions options;
  options.kind = "cross";
  options.temperature = 0.25;
  options.regularization = 0.5;
  options.iterations = 7;
  const ScoreOptions back = score_options_from_json(to_json(options));
  EXPECT_EQ(back.kind, "cross");
  EXPECT_EQ(back.temperature, 0.25);
  EXPECT_EQ(back.regularization, 0.5);
  EXPECT_EQ(back.iterations, 7);
  EXPECT_EQ(score_options_from_json(nlohmann::json::object()).kind, "late");
}

TEST(ScoreOptionsTest, RefuseWhatCannotBeMeant) {
  for (const char* text : {R"({"kind": "best"})",
                           R"({"kind": 3})",
                           R"({"knid": "late"})",
                           R"({"temperature": 0})",
                           R"({"regularization": -1})",
                           R"({"iterations": 0})",
                           R"({"iterations": 1000000000})",
                           R"([])"}) {
    EXPECT_THROW(score_options_from_json(nlohmann::json::parse(text)), c10::ValueError) << text;
  }
  ScoreOptions options;
  options.kind = "best";
  EXPECT_THROW(match(options, at::ones({1, 1, 2}), at::ones({1, 1, 2})), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::matching
