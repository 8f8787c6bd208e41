// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/edge_conv.h"

#include "pointattn/core/point_batch.h"
#include "tests/support/gradients.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace pointattn::nn {
namespace {

/// An EdgeConv in float64 with statistics and scales as after a training, scales of both signs.
EdgeConv edge_conv(int64_t in, int64_t out, int64_t second) {
  EdgeConv layer(in, out, second);
  layer->to(at::kDouble);
  const at::NoGradGuard no_grad;
  for (SharedMlp mlp : {layer->first, layer->second}) {
    if (!mlp) continue;
    mlp->norm->weight.normal_();
    mlp->norm->bias.normal_();
    mlp->norm->running_mean.normal_();
    mlp->norm->running_var.uniform_(0.5, 2);
  }
  layer->eval();
  return layer;
}

double leaky(double x) { return x > 0 ? x : 0.2 * x; }

/// LeakyReLU(BN(W x)) by the formulas.
std::vector<double> layer_of(const SharedMlp& mlp, const std::vector<double>& x) {
  const auto weight = mlp->linear->weight.accessor<double, 2>();
  std::vector<double> out;
  for (int64_t c = 0; c < weight.size(0); ++c) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += weight[c][static_cast<int64_t>(i)] * x[i];
    const auto value = [c](const at::Tensor& t) { return t[c].item<double>(); };
    const double normed =
        (sum - value(mlp->norm->running_mean)) / std::sqrt(value(mlp->norm->running_var) + 1e-5);
    out.push_back(leaky(normed * value(mlp->norm->weight) + value(mlp->norm->bias)));
  }
  return out;
}

at::Tensor naive(const EdgeConv& layer, const at::Tensor& feat, const at::Tensor& index) {
  const auto f = feat.accessor<double, 2>();
  const auto near = index.accessor<int64_t, 2>();
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < f.size(0); ++i) {
    std::vector<double> best;
    for (int64_t j = 0; j < near.size(1); ++j) {
      std::vector<double> x;
      for (int64_t c = 0; c < f.size(1); ++c) x.push_back(f[near[i][j]][c] - f[i][c]);
      for (int64_t c = 0; c < f.size(1); ++c) x.push_back(f[i][c]);
      std::vector<double> out = layer_of(layer->first, x);
      if (layer->second) out = layer_of(layer->second, out);
      if (best.empty()) best = out;
      for (size_t c = 0; c < out.size(); ++c) best[c] = std::max(best[c], out[c]);
    }
    rows.push_back(at::tensor(best, at::kDouble));
  }
  return at::stack(rows);
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(EdgeConv, AgreesWithTheFormulas) {
  at::manual_seed(21);
  for (const int64_t second : {int64_t{0}, int64_t{7}}) {
    EdgeConv layer = edge_conv(4, 6, second);
    const at::Tensor feat = at::randn({23, 4}, at::kDouble);
    const at::Tensor index = at::randint(0, 23, {23, 5}, at::kLong);
    const at::Tensor expected = naive(layer, feat, index);
    EXPECT_LT(difference(layer(feat, index), expected), 1e-12) << "with a graph of gradients";
    const at::NoGradGuard no_grad;
    EXPECT_LT(difference(layer(feat, index), expected), 1e-12) << "folded";
  }
}

TEST(EdgeConv, GradientsByFiniteDifferences) {
  at::manual_seed(22);
  for (const bool training : {false, true}) {
    EdgeConv layer = edge_conv(3, 4, 5);
    layer->train(training);
    const at::Tensor index = at::randint(0, 9, {9, 3}, at::kLong);
    const at::Tensor g = at::randn({9, 5}, at::kDouble);
    const auto loss = [&](const at::Tensor& feat) { return (layer(feat, index) * g).sum(); };
    at::Tensor feat = at::randn({9, 3}, at::kDouble).requires_grad_(true);
    loss(feat).backward();
    EXPECT_LT(difference(feat.grad(), test::finite_differences(loss, feat)), 1e-6);

    at::Tensor weight = layer->first->linear->weight;
    const at::Tensor fixed = feat.detach();
    const auto of_weight = [&](const at::Tensor& value) {
      const at::Tensor kept = weight.detach().clone();
      {
        const at::NoGradGuard no_grad;
        weight.copy_(value);
      }
      const at::Tensor result = loss(fixed).detach();
      {
        const at::NoGradGuard no_grad;
        weight.copy_(kept);
      }
      return result;
    };
    layer->zero_grad();
    loss(fixed).backward();
    const at::Tensor gradient = weight.grad().clone();
    EXPECT_LT(difference(gradient, test::finite_differences(of_weight, weight)), 1e-6);
  }
}

TEST(FeatureGraph, NearestInFeatureSpaceWithinEachCloud) {
  at::manual_seed(23);
  const at::Tensor feat = at::randn({40, 6});
  const at::Tensor offsets = offsets_of({25, 15});
  const at::Tensor graph = feature_graph(feat, offsets, 4);
  const auto rows = feat.to(at::kDouble);
  for (int64_t i = 0; i < 40; ++i) {
    const int64_t begin = i < 25 ? 0 : 25;
    const int64_t points = i < 25 ? 25 : 15;
    const at::Tensor squared = (rows.narrow(0, begin, points) - rows[i]).square().sum(1);
    const at::Tensor expected = std::get<1>(squared.sort()).narrow(0, 0, 4) + begin;
    EXPECT_TRUE(graph[i].equal(expected)) << i;
  }
}

TEST(FeatureGraph, SmallCloudsRepeatTheirNearest) {
  const at::Tensor feat =
      at::tensor({0.0F, 1.0F, 3.0F, 10.0F, 0.0F, 2.0F, 5.0F, 9.0F}).view({8, 1});
  const at::Tensor graph = feature_graph(feat, offsets_of({3, 1, 0, 4}), 4);
  const int64_t expected[8][4] = {{0, 1, 2, 0},
                                  {1, 0, 2, 1},
                                  {2, 1, 0, 2},
                                  {3, 3, 3, 3},
                                  {4, 5, 6, 7},
                                  {5, 4, 6, 7},
                                  {6, 5, 7, 4},
                                  {7, 6, 5, 4}};
  for (int64_t i = 0; i < 8; ++i) {
    for (int64_t j = 0; j < 4; ++j) EXPECT_EQ(graph[i][j].item<int64_t>(), expected[i][j]) << i;
  }
  EXPECT_THROW(feature_graph(feat, offsets_of({8}), 0), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::nn
