// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/non_local.h"

#include "pointattn/nn/sampling.h"
#include "tests/support/gradients.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace pointattn::nn {
namespace {

constexpr int64_t kChannels = 6;

/// A block in float64 that is no longer the identity.
NonLocal block(const std::string& kind, int64_t keys = 0) {
  at::manual_seed(5);
  NonLocal layer(kChannels, NonLocalOptions{non_local_kind(kind), keys});
  layer->to(at::kDouble);
  const at::NoGradGuard no_grad;
  for (const at::Tensor& parameter : layer->parameters()) parameter.normal_(0, 0.7);
  layer->eval();
  return layer;
}

/// The first point of each is the one at which the sampling of keys starts.
PointBatch clouds() {
  at::manual_seed(6);
  PointBatch batch = PointBatch::of({at::rand({23, 3}, at::kDouble),
                                     at::rand({1, 3}, at::kDouble),
                                     at::rand({40, 3}, at::kDouble)});
  for (const int64_t first : {0, 24}) batch.xyz[first][0] = -1;
  return batch;
}

at::Tensor rows_times(const torch::nn::Linear& layer, const at::Tensor& row) {
  return at::mv(layer->weight, row) + layer->bias;
}

/// f(x_i, x_j) without its normaliser.
double pairwise(const NonLocalImpl& layer,
                const std::string& kind,
                const at::Tensor& xi,
                const at::Tensor& xj) {
  if (kind == "gaussian") return std::exp(xi.dot(xj).item<double>());
  const at::Tensor q = rows_times(layer.theta, xi);
  const at::Tensor k = rows_times(layer.phi, xj);
  if (kind == "embedded_gaussian") return std::exp(q.dot(k).item<double>());
  if (kind == "dot_product") return q.dot(k).item<double>();
  return std::max(0.0, rows_times(layer.pair, at::cat({q, k})).item<double>());
}

/// The block's formula with loops, for one cloud whose keys are `keys`.
at::Tensor by_loops(NonLocalImpl& layer,
                    const std::string& kind,
                    const at::Tensor& feat,
                    const at::Tensor& keys) {
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < feat.size(0); ++i) {
    at::Tensor sum = at::zeros({kChannels / 2}, at::kDouble);
    double norm = 0;
    for (int64_t j = 0; j < keys.size(0); ++j) {
      const double f = pairwise(layer, kind, feat[i], keys[j]);
      sum = sum + f * rows_times(layer.g, keys[j]);
      norm += kind == "gaussian" || kind == "embedded_gaussian" ? f : 1;
    }
    rows.push_back(sum / norm);
  }
  return feat + layer.out(at::stack(rows));
}

class NonLocalTest : public testing::TestWithParam<std::string> {};

TEST_P(NonLocalTest, EqualsTheFormula) {
  const at::NoGradGuard no_grad;
  const PointBatch batch = clouds();
  const at::Tensor feat = at::randn({batch.points(), kChannels}, at::kDouble);
  for (const int64_t keys : {0, 7}) {
    NonLocal layer = block(GetParam(), keys);
    const at::Tensor out = layer(feat, batch);
    const Sampled chosen = sample_farthest(batch, keys == 0 ? batch.points() : keys);
    const at::Tensor key = feat.index_select(0, chosen.index);
    const auto rows = feat.split_with_sizes(batch.counts());
    const auto key_rows = key.split_with_sizes(chosen.batch.counts());
    std::vector<at::Tensor> expected;
    for (size_t b = 0; b < rows.size(); ++b)
      expected.push_back(by_loops(*layer, GetParam(), rows[b], key_rows[b]));
    EXPECT_TRUE(at::allclose(out, at::cat(expected), 1e-9, 1e-9));
  }
}

TEST_P(NonLocalTest, AFreshOneIsTheIdentityAndLearnsAllTheSame) {
  const PointBatch batch = clouds();
  NonLocal layer(kChannels, NonLocalOptions{non_local_kind(GetParam()), 0});
  const at::Tensor feat = at::randn({batch.points(), kChannels});
  const PointBatch single = {batch.xyz.to(at::kFloat), {}, batch.offsets};
  const at::Tensor out = layer(feat, single);
  EXPECT_TRUE(out.equal(feat));
  (out * feat).sum().backward();
  EXPECT_GT(layer->out->norm->weight.grad().abs().max().item<float>(), 0);
}

TEST_P(NonLocalTest, GradientsMatchFiniteDifferences) {
  const PointBatch batch =
      PointBatch::of({at::rand({5, 3}, at::kDouble), at::rand({4, 3}, at::kDouble)});
  NonLocal layer = block(GetParam());
  const at::Tensor weight = at::randn({9, kChannels}, at::kDouble);
  const auto loss = [&](const at::Tensor& feat) { return (layer(feat, batch) * weight).sum(); };
  const at::Tensor feat = at::randn({9, kChannels}, at::kDouble).requires_grad_();
  loss(feat).backward();
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::allclose(feat.grad(), test::finite_differences(loss, feat), 1e-5, 1e-6));
  // And to a parameter behind the pairwise function.
  at::Tensor& parameter = GetParam() == "gaussian" ? layer->g->weight : layer->theta->weight;
  const at::Tensor kept = parameter.detach().clone();
  const at::Tensor by_steps = test::finite_differences(
      [&](const at::Tensor& changed) {
        parameter.copy_(changed);
        return loss(feat.detach());
      },
      kept);
  EXPECT_TRUE(at::allclose(parameter.grad(), by_steps, 1e-5, 1e-6));
}

TEST_P(NonLocalTest, TheOrderInMemoryDoesNotMatter) {
  const at::NoGradGuard no_grad;
  const at::Tensor xyz = at::rand({60, 3}, at::kDouble);
  const at::Tensor feat = at::randn({60, kChannels}, at::kDouble);
  const at::Tensor order = at::randperm(60, at::kLong);
  ASSERT_NE(order[0].item<int64_t>(), 0);
  for (const int64_t keys : {0, 9}) {
    NonLocal layer = block(GetParam(), keys);
    const at::Tensor out = layer(feat, PointBatch::of({xyz}));
    const at::Tensor mixed =
        layer(feat.index_select(0, order), PointBatch::of({xyz.index_select(0, order)}));
    EXPECT_TRUE(at::allclose(mixed, out.index_select(0, order), 1e-9, 1e-9));
  }
}

TEST_P(NonLocalTest, LargeCloudsStayExactInFloat32) {
  const at::NoGradGuard no_grad;
  const PointBatch batch = PointBatch::of({at::rand({20'000, 3})});
  NonLocal layer = block(GetParam());
  const at::Tensor feat = at::randn({20'000, kChannels}) * 0.3;
  const PointBatch wide = {batch.xyz.to(at::kDouble), {}, batch.offsets};
  const at::Tensor exact = layer(feat.to(at::kDouble), wide);
  layer->to(at::kFloat);
  EXPECT_LT((layer(feat, batch) - exact).abs().max().item<double>(), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         NonLocalTest,
                         testing::ValuesIn(non_local_kinds()),
                         [](const auto& kind) { return kind.param; });

TEST(NonLocal, RefusesWhatCannotBeMeant) {
  EXPECT_THROW(NonLocal(5, NonLocalOptions{}), c10::ValueError);
  EXPECT_THROW(NonLocal(6, NonLocalOptions{NonLocalKind::kGaussian, -1}), c10::ValueError);
  EXPECT_THROW((void)non_local_kind("gauss"), c10::ValueError);
  NonLocal layer(6, NonLocalOptions{});
  EXPECT_THROW(layer(at::rand({23, 5}), PointBatch::of({at::rand({23, 3})})), c10::ValueError);
  EXPECT_THROW(layer(at::rand({22, 6}), PointBatch::of({at::rand({23, 3})})), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::nn
