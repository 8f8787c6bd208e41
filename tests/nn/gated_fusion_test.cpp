// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/gated_fusion.h"

#include "pointattn/core/point_batch.h"
#include "tests/support/gradients.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace pointattn::nn {
namespace {

constexpr int64_t kChannels = 5;
constexpr int64_t kContext = 3;

/// In float64, with norms that do something.
GatedFusion fusion() {
  at::manual_seed(21);
  GatedFusion layer(kChannels, kContext);
  layer->to(at::kDouble);
  const at::NoGradGuard no_grad;
  layer->mask->norm->weight.uniform_(0.5, 1.5);
  layer->mask->norm->bias.normal_();
  layer->mask->norm->running_mean.normal_();
  layer->mask->norm->running_var.uniform_(0.5, 2);
  layer->eval();
  return layer;
}

struct Inputs {
  at::Tensor feat = at::randn({9, kChannels}, at::kDouble);
  at::Tensor global = at::randn({4, kContext}, at::kDouble);
  at::Tensor offsets = offsets_of({3, 0, 5, 1});
};

/// Point by point and number by number.
at::Tensor naive(const GatedFusion& layer, const Inputs& in) {
  const auto w = layer->mask->linear->weight.accessor<double, 2>();
  const auto v = layer->gate->weight.accessor<double, 2>();
  const auto f = in.feat.accessor<double, 2>();
  const auto g = in.global.accessor<double, 2>();
  const RowNormImpl& norm = *layer->mask->norm;
  const auto of = [](const at::Tensor& vector, int64_t c) { return vector[c].item<double>(); };
  at::Tensor out = at::empty_like(in.feat);
  auto y = out.accessor<double, 2>();
  for (int64_t cloud = 0; cloud < in.global.size(0); ++cloud) {
    const int64_t end = in.offsets[cloud + 1].item<int64_t>();
    for (int64_t i = in.offsets[cloud].item<int64_t>(); i < end; ++i) {
      double hidden[kChannels];
      for (int64_t c = 0; c < kChannels; ++c) {
        double sum = 0;
        for (int64_t k = 0; k < kChannels; ++k) sum += w[c][k] * f[i][k];
        for (int64_t k = 0; k < kContext; ++k) sum += w[c][kChannels + k] * g[cloud][k];
        const double normed = (sum - of(norm.running_mean, c)) /
                                  std::sqrt(of(norm.running_var, c) + 1e-5) * of(norm.weight, c) +
                              of(norm.bias, c);
        hidden[c] = std::max(0.0, normed);
      }
      for (int64_t c = 0; c < kChannels; ++c) {
        double sum = of(layer->gate->bias, c);
        for (int64_t k = 0; k < kChannels; ++k) sum += v[c][k] * hidden[k];
        y[i][c] = f[i][c] * (1 + 1 / (1 + std::exp(-sum)));
      }
    }
  }
  return out;
}

TEST(GatedFusion, IsTheFormulaPointByPoint) {
  GatedFusion layer = fusion();
  const Inputs in;
  const at::Tensor got = layer(in.feat, in.global, in.offsets);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::allclose(got, naive(layer, in), 1e-12, 1e-12));
}

TEST(GatedFusion, FrozenIsTheFormulaTooAndTrainingThawsIt) {
  GatedFusion layer = fusion();
  const Inputs in;
  const at::NoGradGuard no_grad;
  layer->freeze(Precision::kFloat32);
  EXPECT_TRUE(at::allclose(layer(in.feat, in.global, in.offsets), naive(layer, in), 1e-12, 1e-12));
  layer->train();
  layer->mask->linear->weight.mul_(-1);
  layer->eval();
  EXPECT_TRUE(at::allclose(layer(in.feat, in.global, in.offsets), naive(layer, in), 1e-12, 1e-12));
}

TEST(GatedFusion, WithoutWeightsEveryFeatureCountsOneAndAHalf) {
  GatedFusion layer = fusion();
  const at::NoGradGuard no_grad;
  layer->gate->weight.zero_();
  layer->gate->bias.zero_();
  const Inputs in;
  for (const bool training : {false, true}) {
    layer->train(training);
    EXPECT_TRUE(at::equal(layer(in.feat, in.global, in.offsets), in.feat * 1.5));
  }
}

TEST(GatedFusion, OnlyTheOwnCloudsVectorMatters) {
  GatedFusion layer = fusion();
  const Inputs in;
  const at::NoGradGuard no_grad;
  const at::Tensor before = layer(in.feat, in.global, in.offsets);
  at::Tensor other = in.global.clone();
  other[2] += 1;
  const at::Tensor after = layer(in.feat, other, in.offsets);
  EXPECT_TRUE(at::equal(after.narrow(0, 0, 3), before.narrow(0, 0, 3)));
  EXPECT_TRUE(at::equal(after.narrow(0, 8, 1), before.narrow(0, 8, 1)));
  EXPECT_GT((after - before).narrow(0, 3, 5).abs().amin(0).max().item<double>(), 1e-4);
}

TEST(GatedFusion, GradientsMatchFiniteDifferences) {
  const Inputs in;
  for (const bool training : {false, true}) {
    GatedFusion layer = fusion();
    layer->train(training);
    const at::Tensor weight = at::randn({9, kChannels}, at::kDouble);
    const auto loss = [&](const at::Tensor& feat, const at::Tensor& global) {
      return (layer(feat, global, in.offsets) * weight).sum();
    };
    const at::Tensor feat = in.feat.clone().requires_grad_();
    const at::Tensor global = in.global.clone().requires_grad_();
    loss(feat, global).backward();
    const at::NoGradGuard no_grad;
    const at::Tensor by_feat =
        test::finite_differences([&](const at::Tensor& x) { return loss(x, in.global); }, in.feat);
    const at::Tensor by_global =
        test::finite_differences([&](const at::Tensor& x) { return loss(in.feat, x); }, in.global);
    EXPECT_TRUE(at::allclose(feat.grad(), by_feat, 1e-6, 1e-7)) << training;
    EXPECT_TRUE(at::allclose(global.grad(), by_global, 1e-6, 1e-7)) << training;
    EXPECT_GT(by_global.abs().max().item<double>(), 1e-3);
  }
}

TEST(GatedFusion, WrongShapesAreRefused) {
  GatedFusion layer = fusion();
  const Inputs in;
  EXPECT_THROW(layer(in.feat.narrow(1, 0, 4), in.global, in.offsets), c10::ValueError);
  EXPECT_THROW(layer(in.feat, in.global.narrow(1, 0, 2), in.offsets), c10::ValueError);
  EXPECT_THROW(layer(in.feat, in.global.narrow(0, 0, 3), in.offsets), c10::ValueError);
  EXPECT_THROW(layer(in.feat, in.global, offsets_of({3, 0, 5, 2})), c10::ValueError);
  EXPECT_THROW(GatedFusion(0, 3), c10::ValueError);
  EXPECT_THROW(GatedFusion(3, 0), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::nn
