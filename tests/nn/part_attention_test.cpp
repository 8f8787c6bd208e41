// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/part_attention.h"

#include "pointattn/core/point_batch.h"
#include "tests/support/gradients.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

namespace pointattn::nn {
namespace {

/// A = softmax(W2 tanh(W1 Fᵀ)), M = A F of one cloud, number by number.
Attended naive(const StructuredAttention& layer, const at::Tensor& rows) {
  const at::Tensor w1 = layer->first->weight, w2 = layer->second->weight;
  const int64_t count = rows.size(0), hidden = w1.size(0), hops = w2.size(0);
  at::Tensor attention = at::zeros({count, hops}, at::kDouble);
  for (int64_t r = 0; r < hops; ++r) {
    double sum = 0;
    for (int64_t n = 0; n < count; ++n) {
      double logit = 0;
      for (int64_t h = 0; h < hidden; ++h) {
        double inner = 0;
        for (int64_t c = 0; c < rows.size(1); ++c) {
          inner += w1[h][c].item<double>() * rows[n][c].item<double>();
        }
        logit += w2[r][h].item<double>() * std::tanh(inner);
      }
      attention[n][r] = std::exp(logit);
      sum += std::exp(logit);
    }
    attention.select(1, r) /= sum;
  }
  at::Tensor pooled = at::zeros({hops, rows.size(1)}, at::kDouble);
  for (int64_t r = 0; r < hops; ++r) {
    for (int64_t n = 0; n < count; ++n) pooled[r] += attention[n][r] * rows[n];
  }
  return {attention, pooled};
}

TEST(StructuredAttention, MatchesTheEquations) {
  at::manual_seed(3);
  StructuredAttention layer(5, 4, 3);
  layer->to(at::kDouble);
  const torch::NoGradGuard off;
  const at::Tensor rows = at::randn({9, 5}, at::kDouble);
  const Attended got = layer->forward(rows, offsets_of({2, 7}));
  for (const auto& [cloud, begin, count] :
       std::vector<std::tuple<int64_t, int64_t, int64_t>>{{0, 0, 2}, {1, 2, 7}}) {
    const Attended expected = naive(layer, rows.narrow(0, begin, count));
    EXPECT_TRUE(at::allclose(got.attention.narrow(0, begin, count), expected.attention));
    EXPECT_TRUE(at::allclose(got.pooled[cloud], expected.pooled));
  }
}

TEST(StructuredAttention, OverlapPenaltyAndItsGradient) {
  at::manual_seed(5);
  const at::Tensor offsets = offsets_of({4, 6});
  const at::Tensor attention = at::rand({10, 3}, at::kDouble).requires_grad_();
  const at::Tensor penalty = overlap_penalty(attention, offsets);
  penalty.sum().backward();
  for (const auto& [cloud, begin, count] :
       std::vector<std::tuple<int64_t, int64_t, int64_t>>{{0, 0, 4}, {1, 4, 6}}) {
    const at::Tensor a = attention.detach().narrow(0, begin, count);
    const at::Tensor off = a.t().mm(a) - at::eye(3, at::kDouble);
    EXPECT_NEAR(penalty[cloud].item<double>(), off.square().sum().item<double>(), 1e-12);
    EXPECT_TRUE(at::allclose(attention.grad().narrow(0, begin, count), 4 * a.mm(off)));
  }
  EXPECT_NEAR(overlap_penalty(at::eye(3, at::kDouble), offsets_of({3})).item<double>(), 0, 1e-15);
}

PointToPartAttention awake_layer() {
  PointToPartOptions options;
  options.channels = 8;
  options.hidden = 6;
  options.parts = 4;
  options.heads = 2;
  PointToPartAttention layer(options);
  layer->to(at::kDouble);
  // The blocks' outer projections start at zero; give them something to do.
  const torch::NoGradGuard off;
  for (at::Tensor& parameter : layer->parameters()) {
    if (parameter.dim() == 2) parameter.normal_(0, 0.4);
  }
  return layer;
}

TEST(PointToPartAttention, AddsTheSpreadOfTheFeaturesToTheirMean) {
  at::manual_seed(6);
  PointToPartOptions options;
  options.channels = 5;
  options.hidden = 4;
  options.parts = 3;
  options.heads = 0;
  PointToPartAttention layer(options);
  layer->to(at::kDouble);
  const torch::NoGradGuard off;
  const at::Tensor feat = at::randn({9, 5}, at::kDouble);
  const Attended got = layer->forward(feat, offsets_of({9}));
  const Attended means = naive(layer->attention, feat);
  for (int64_t r = 0; r < 3; ++r) {
    at::Tensor variance = at::zeros({5}, at::kDouble);
    for (int64_t n = 0; n < 9; ++n)
      variance += means.attention[n][r] * (feat[n] - means.pooled[r]).square();
    const at::Tensor expected =
        means.pooled[r] + layer->spread->weight.matmul(at::sqrt(variance + 1e-6));
    EXPECT_TRUE(at::allclose(got.pooled[0][r], expected)) << r;
  }
  // One point has no spread, and its gradient stays finite.
  const at::AutoGradMode on(true);
  at::Tensor alone = at::randn({1, 5}, at::kDouble).requires_grad_();
  layer->forward(alone, offsets_of({1})).pooled.sum().backward();
  EXPECT_TRUE(at::isfinite(alone.grad()).all().item<bool>());
}

TEST(PointToPartAttention, DoesNotCareForTheOrderOfPointsOrTheOtherClouds) {
  at::manual_seed(7);
  PointToPartAttention layer = awake_layer();
  const torch::NoGradGuard off;
  const at::Tensor feat = at::randn({30, 8}, at::kDouble);
  const Attended together = layer->forward(feat, offsets_of({12, 18}));
  const at::Tensor order = at::randperm(18, at::kLong);
  const Attended alone =
      layer->forward(feat.narrow(0, 12, 18).index_select(0, order), offsets_of({18}));
  EXPECT_TRUE(at::allclose(alone.pooled[0], together.pooled[1]));
  EXPECT_TRUE(
      at::allclose(alone.attention, together.attention.narrow(0, 12, 18).index_select(0, order)));
}

TEST(PointToPartAttention, PartsChangePlacesWithTheirScores) {
  at::manual_seed(8);
  PointToPartAttention layer = awake_layer();
  const torch::NoGradGuard off;
  const at::Tensor feat = at::randn({20, 8}, at::kDouble);
  const Attended before = layer->forward(feat, offsets_of({20}));
  const at::Tensor order = at::tensor({2, 0, 3, 1}, at::kLong);
  at::Tensor& weight = layer->attention->second->weight;
  weight.copy_(weight.index_select(0, order).clone());
  const Attended after = layer->forward(feat, offsets_of({20}));
  EXPECT_TRUE(at::allclose(after.pooled, before.pooled.index_select(1, order)));
}

TEST(PointToPartAttention, APriorSendsEachKnownPartIntoItsRow) {
  at::manual_seed(9);
  PointToPartAttention layer = awake_layer();
  const torch::NoGradGuard off;
  layer->strength.fill_(4.0);
  const at::Tensor feat = at::randn({40, 8}, at::kDouble);
  const at::Tensor part = at::arange(40).remainder(2);
  const at::Tensor prior = at::one_hot(part, 2).to(at::kDouble);
  const Attended guided = layer->forward(feat, offsets_of({40}), prior);
  const at::Tensor own = (guided.attention.narrow(1, 0, 2) * prior).sum(0);
  EXPECT_GT(own.min().item<double>(), 0.999);
  // The rows behind the known parts, and all rows where nothing is known, stay as they were.
  const Attended free = layer->forward(feat, offsets_of({40}));
  EXPECT_TRUE(at::allclose(guided.attention.narrow(1, 2, 2), free.attention.narrow(1, 2, 2)));
  const Attended unknown = layer->forward(feat, offsets_of({40}), at::zeros({40, 3}, at::kDouble));
  EXPECT_TRUE(at::allclose(unknown.attention, free.attention));
  EXPECT_THROW(layer->forward(feat, offsets_of({40}), at::zeros({40, 5}, at::kDouble)),
               c10::ValueError);
}

TEST(PointToPartAttention, GradientMatchesFiniteDifferences) {
  at::manual_seed(10);
  PointToPartAttention layer = awake_layer();
  const at::Tensor feat = at::randn({9, 8}, at::kDouble).requires_grad_();
  const at::Tensor prior = at::rand({9, 2}, at::kDouble);
  const at::Tensor weight = at::randn({2, 4, 8}, at::kDouble);
  const auto loss = [&](const at::Tensor& f) {
    const Attended out = layer->forward(f, offsets_of({4, 5}), prior);
    return (out.pooled * weight).sum() + overlap_penalty(out.attention, offsets_of({4, 5})).sum();
  };
  const auto got = torch::autograd::grad({loss(feat)}, {feat, layer->strength});
  EXPECT_TRUE(at::allclose(got[0], test::finite_differences(loss, feat), 1e-5, 1e-7));
  const auto by_strength = [&](const at::Tensor& strength) {
    const torch::NoGradGuard off;
    layer->strength.copy_(strength);
    return loss(feat);
  };
  EXPECT_TRUE(at::allclose(
      got[1], test::finite_differences(by_strength, layer->strength.detach().clone()), 1e-5, 1e-7));
}

TEST(PartSelfAttention, AFreshBlockIsTheIdentity) {
  PartSelfAttention block(8, 2);
  const at::Tensor parts = at::randn({3, 4, 8});
  EXPECT_TRUE(at::equal(block->forward(parts), parts));
  EXPECT_THROW(PartSelfAttention(8, 3), c10::ValueError);
  EXPECT_THROW(block->forward(parts[0]), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::nn
