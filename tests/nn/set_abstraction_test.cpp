// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/set_abstraction.h"

#include "pointattn/nn/feature_propagation.h"
#include "tests/support/gradients.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace pointattn::nn {
namespace {

using Widths = std::vector<int64_t>;
using Inputs = FeaturePropagationImpl::Inputs;

constexpr BallScale kBall = {0.45, 6};

/// A layer in float64 whose norms and biases are those of a trained one: none is 0 or 1.
template <typename Module>
Module trained(Module module) {
  module->to(at::kDouble);
  const at::NoGradGuard no_grad;
  for (const at::Tensor& tensor : module->buffers()) tensor.uniform_(0.5, 1.5);
  for (const at::Tensor& tensor : module->parameters()) {
    if (tensor.dim() == 1) tensor.uniform_(-1, 1);
  }
  module->eval();
  return module;
}

/// The MLP of a layer on one row, from its tensors.
template <typename Module>
at::Tensor mlp(const Module& module, at::Tensor row) {
  const auto parameters = module->named_parameters();
  const auto buffers = module->named_buffers();
  for (int64_t i = 0; parameters.contains(std::to_string(i) + ".linear.weight"); ++i) {
    const std::string layer = std::to_string(i);
    row = parameters[layer + ".linear.weight"].mv(row);
    if (parameters.contains(layer + ".linear.bias")) row = row + parameters[layer + ".linear.bias"];
    row = (row - buffers[layer + ".norm.running_mean"]) /
          (buffers[layer + ".norm.running_var"] + 1e-5).sqrt();
    row = (row * parameters[layer + ".norm.weight"] + parameters[layer + ".norm.bias"]).relu();
  }
  return row;
}

/// Checks a layer as it is and frozen.
template <typename Module>
void expect_both(Module& module,
                 const std::function<at::Tensor()>& forward,
                 const at::Tensor& expected) {
  EXPECT_TRUE(at::allclose(forward(), expected, 1e-9, 1e-9));
  module->freeze(Precision::kFloat32);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::allclose(forward(), expected, 1e-9, 1e-9));
}

PointBatch three_clouds() {
  return PointBatch::of({at::rand({20, 3}, at::kDouble),
                         at::rand({1, 3}, at::kDouble),
                         at::rand({11, 3}, at::kDouble)});
}

at::Tensor features(int64_t rows, int64_t channels) {
  return channels > 0 ? at::randn({rows, channels}, at::kDouble) : at::Tensor();
}

class SetAbstractionTest : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { at::manual_seed(31); }
  int64_t in() const { return GetParam(); }
};

TEST_P(SetAbstractionTest, IsAnMlpOfEachPairAndItsMaximum) {
  SetAbstraction layer = trained(SetAbstraction(in(), Widths{7, 5, 9}, kBall));
  const PointBatch batch = three_clouds();
  const at::Tensor feat = features(32, in());
  const Sampled centres = sample_farthest(batch, 8);
  const std::vector<int64_t> starts = {0, 20, 21, 32};
  at::Tensor expected = at::zeros({17, 9}, at::kDouble);
  for (int64_t m = 0; m < 17; ++m) {
    const int64_t cloud = m < 8 ? 0 : m < 9 ? 1 : 2;
    const at::Tensor own = centres.batch.xyz[m];
    std::vector<std::pair<double, int64_t>> found;
    for (int64_t j = starts[static_cast<size_t>(cloud)]; j < starts[static_cast<size_t>(cloud) + 1];
         ++j) {
      const double distance = (batch.xyz[j] - own).norm().item<double>();
      if (distance <= kBall.radius) found.emplace_back(distance, j);
    }
    std::sort(found.begin(), found.end());
    found.resize(std::min<size_t>(found.size(), static_cast<size_t>(kBall.neighbors)));
    at::Tensor best = at::full({9}, -1.0, at::kDouble);
    for (const auto& [distance, j] : found) {
      at::Tensor row = batch.xyz[j] - own;
      if (in() > 0) row = at::cat({row, feat[j]});
      best = at::maximum(best, mlp(layer, row));
    }
    expected[m] = best.detach();
  }
  expect_both(
      layer, [&] { return layer(batch, feat, centres); }, expected);
}

TEST_P(SetAbstractionTest, GradientsByFiniteDifferences) {
  SetAbstraction layer = trained(SetAbstraction(in(), Widths{5, 4}, kBall));
  layer->train();
  const PointBatch batch =
      PointBatch::of({at::rand({8, 3}, at::kDouble), at::rand({5, 3}, at::kDouble)});
  const Sampled centres = sample_farthest(batch, 4);
  const at::Tensor feat = features(13, in());
  const at::Tensor g = at::randn({8, 4}, at::kDouble);
  const auto loss = [&](const at::Tensor& xyz, const at::Tensor& f) {
    const Sampled same{centres.index,
                       {xyz.index_select(0, centres.index), {}, centres.batch.offsets}};
    return (layer(PointBatch{xyz, {}, batch.offsets}, f, same) * g).sum();
  };
  const at::Tensor xyz = batch.xyz.clone().requires_grad_(true);
  const at::Tensor own = feat.defined() ? feat.clone().requires_grad_(true) : feat;
  loss(xyz, own).backward();
  EXPECT_TRUE(at::allclose(
      xyz.grad(),
      test::finite_differences([&](const at::Tensor& x) { return loss(x, feat); }, batch.xyz),
      1e-4,
      1e-6));
  if (feat.defined()) {
    EXPECT_TRUE(at::allclose(
        own.grad(),
        test::finite_differences([&](const at::Tensor& f) { return loss(batch.xyz, f); }, feat),
        1e-4,
        1e-6));
  }
}

TEST_P(SetAbstractionTest, OrderOfThePointsDoesNotMatter) {
  SetAbstraction layer = trained(SetAbstraction(in(), Widths{7, 5}, kBall));
  const at::Tensor xyz = at::rand({40, 3}, at::kDouble);
  const at::Tensor feat = features(40, in());
  const at::Tensor order = at::randperm(40, at::kLong);
  const at::Tensor rows = at::randperm(40, at::kLong).narrow(0, 0, 7);
  const auto at_rows =
      [&](const at::Tensor& cloud, const at::Tensor& f, const at::Tensor& centres) {
        return layer(PointBatch::of({cloud}),
                     f,
                     Sampled{centres, {cloud.index_select(0, centres), {}, offsets_of({7})}});
      };
  const at::Tensor mixed = at_rows(xyz.index_select(0, order),
                                   feat.defined() ? feat.index_select(0, order) : feat,
                                   order.argsort().index_select(0, rows));
  EXPECT_TRUE(at::allclose(mixed, at_rows(xyz, feat, rows), 1e-12, 1e-12));
}

TEST_P(SetAbstractionTest, RefusesWhatDoesNotFit) {
  SetAbstraction layer = trained(SetAbstraction(in(), Widths{4}, kBall));
  const PointBatch batch = three_clouds();
  const Sampled centres = sample_farthest(batch, 4);
  const at::Tensor wrong = in() > 0 ? at::Tensor() : at::rand({32, 2}, at::kDouble);
  EXPECT_THROW(layer(batch, wrong, centres), c10::ValueError);
  EXPECT_THROW(layer(batch, features(31, std::max<int64_t>(1, in())), centres), c10::ValueError);
  EXPECT_THROW(SetAbstraction(in(), Widths{}, kBall), c10::ValueError);
  EXPECT_THROW(SetAbstraction(in(), (Widths{4, 0}), kBall), c10::ValueError);
  EXPECT_THROW(SetAbstraction(-1, Widths{4}, kBall), c10::ValueError);
}

INSTANTIATE_TEST_SUITE_P(Layers, SetAbstractionTest, testing::Values(0, 6), [](const auto& entry) {
  return entry.param == 0 ? std::string("coordinates") : std::string("features");
});

TEST(CloudAbstraction, IsAnMlpOfEachPointAndItsMaximum) {
  at::manual_seed(32);
  CloudAbstraction layer = trained(CloudAbstraction(4, Widths{6, 5}));
  const PointBatch batch = three_clouds();
  const at::Tensor feat = features(32, 4);
  const at::Tensor got = layer(batch, feat);
  const std::vector<int64_t> starts = {0, 20, 21, 32};
  for (size_t b = 0; b < 3; ++b) {
    at::Tensor best = at::full({5}, -1.0, at::kDouble);
    for (int64_t j = starts[b]; j < starts[b + 1]; ++j) {
      best = at::maximum(best, mlp(layer, at::cat({batch.xyz[j], feat[j]})));
    }
    EXPECT_TRUE(at::allclose(got[static_cast<int64_t>(b)], best, 1e-9, 1e-9));
  }
  EXPECT_THROW(layer(batch, features(32, 3)), c10::ValueError);
  EXPECT_THROW(CloudAbstraction(4, Widths{}), c10::ValueError);
}

/// The three nearest points by inverse squared distance, from the definition.
at::Tensor interpolated(const at::Tensor& point, const at::Tensor& cloud, const at::Tensor& feat) {
  std::vector<std::pair<double, int64_t>> all;
  for (int64_t j = 0; j < cloud.size(0); ++j)
    all.emplace_back((cloud[j] - point).square().sum().item<double>(), j);
  std::sort(all.begin(), all.end());
  all.resize(std::min<size_t>(3, all.size()));
  double total = 0;
  at::Tensor sum = at::zeros({feat.size(1)}, at::kDouble);
  for (const auto& [sq_dist, j] : all) {
    total += 1 / (sq_dist + 1e-8);
    sum += feat[j] / (sq_dist + 1e-8);
  }
  return sum / total;
}

class PropagationTest : public testing::TestWithParam<std::tuple<Inputs, bool>> {
 protected:
  void SetUp() override { at::manual_seed(33); }
  Inputs in() const { return std::get<0>(GetParam()); }
  bool bias() const { return std::get<1>(GetParam()); }
};

TEST_P(PropagationTest, JoinsInterpolatedSkippedAndSharedFeatures) {
  FeaturePropagation layer = trained(FeaturePropagation(in(), Widths{7, 5}, bias()));
  const PointBatch to = three_clouds();
  const PointBatch from = sample_farthest(to, 5).batch;
  const PropagatedFeatures feat = {
      features(from.points(), in().coarse), features(32, in().skip), features(3, in().cloud)};
  const std::vector<int64_t> starts = {0, 20, 21, 32}, coarse_starts = {0, 5, 6, 11};
  at::Tensor expected = at::zeros({32, 5}, at::kDouble);
  for (size_t b = 0; b < 3; ++b) {
    const int64_t first = coarse_starts[b], count = coarse_starts[b + 1] - first;
    for (int64_t n = starts[b]; n < starts[b + 1]; ++n) {
      std::vector<at::Tensor> parts;
      if (in().coarse > 0) {
        parts.push_back(interpolated(
            to.xyz[n], from.xyz.narrow(0, first, count), feat.coarse.narrow(0, first, count)));
      }
      if (in().skip > 0) parts.push_back(feat.skip[n]);
      if (in().cloud > 0) parts.push_back(feat.cloud[static_cast<int64_t>(b)]);
      expected[n] = mlp(layer, at::cat(parts)).detach();
    }
  }
  expect_both(
      layer, [&] { return layer(to, from, feat); }, expected);
}

TEST_P(PropagationTest, GradientsByFiniteDifferences) {
  FeaturePropagation layer = trained(FeaturePropagation(in(), Widths{4, 3}, bias()));
  layer->train();
  const PointBatch to =
      PointBatch::of({at::rand({7, 3}, at::kDouble), at::rand({5, 3}, at::kDouble)});
  const PointBatch from = sample_farthest(to, 4).batch;
  const std::array<at::Tensor, 3> feat = {
      features(8, in().coarse), features(12, in().skip), features(2, in().cloud)};
  const at::Tensor g = at::randn({12, 3}, at::kDouble);
  const auto loss = [&](const std::array<at::Tensor, 3>& f) {
    return (layer(to, from, PropagatedFeatures{f[0], f[1], f[2]}) * g).sum();
  };
  std::array<at::Tensor, 3> leaves;
  for (size_t i = 0; i < 3; ++i) {
    if (feat[i].defined()) leaves[i] = feat[i].clone().requires_grad_(true);
  }
  loss(leaves).backward();
  for (size_t i = 0; i < 3; ++i) {
    if (!feat[i].defined()) continue;
    const at::Tensor by_differences = test::finite_differences(
        [&](const at::Tensor& f) {
          std::array<at::Tensor, 3> moved = feat;
          moved[i] = f;
          return loss(moved);
        },
        feat[i]);
    EXPECT_TRUE(at::allclose(leaves[i].grad(), by_differences, 1e-4, 1e-6)) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Parts,
                         PropagationTest,
                         testing::Combine(testing::Values(Inputs{3, 4, 0},
                                                          Inputs{3, 0, 0},
                                                          Inputs{0, 4, 2},
                                                          Inputs{3, 4, 2}),
                                          testing::Bool()),
                         [](const auto& entry) {
                           const Inputs in = std::get<0>(entry.param);
                           return "coarse" + std::to_string(in.coarse) + "_skip" +
                                  std::to_string(in.skip) + "_cloud" + std::to_string(in.cloud) +
                                  (std::get<1>(entry.param) ? "_bias" : "");
                         });

TEST(FeaturePropagation, RefusesWhatDoesNotFit) {
  FeaturePropagation layer = trained(FeaturePropagation(Inputs{3, 4, 2}, Widths{5}, true));
  const PointBatch to = three_clouds();
  const PointBatch from = sample_farthest(to, 5).batch;
  const at::Tensor coarse = features(11, 3), skip = features(32, 4), cloud = features(3, 2);
  EXPECT_EQ(layer(to, from, PropagatedFeatures{coarse, skip, cloud}).size(0), 32);
  EXPECT_THROW(layer(to, from, PropagatedFeatures{features(10, 3), skip, cloud}), c10::ValueError);
  EXPECT_THROW(layer(to, from, PropagatedFeatures{coarse, features(31, 4), cloud}),
               c10::ValueError);
  EXPECT_THROW(layer(to, from, PropagatedFeatures{coarse, skip, features(2, 2)}), c10::ValueError);
  EXPECT_THROW(layer(to, from, PropagatedFeatures{coarse, skip, {}}), c10::ValueError);
  EXPECT_THROW(FeaturePropagation(Inputs{0, 0, 2}, Widths{5}, true), c10::ValueError);
  EXPECT_THROW(FeaturePropagation(Inputs{3, -1, 0}, Widths{5}, true), c10::ValueError);
  EXPECT_THROW(FeaturePropagation(Inputs{3, 4, 0}, Widths{}, true), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::nn
