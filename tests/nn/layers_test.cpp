// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/point_batch.h"
#include "pointattn/nn/local_max.h"
#include "pointattn/nn/neighbor_embedding.h"
#include "pointattn/nn/offset_attention.h"
#include "pointattn/nn/pooling.h"
#include "pointattn/nn/shared_mlp.h"
#include "pointattn/ops/gather_max.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>

namespace pointattn::nn {
namespace {

bool close(const at::Tensor& a, const at::Tensor& b, double tolerance = 1e-5) {
  return a.sizes() == b.sizes() && at::allclose(a, b.to(a.scalar_type()), tolerance, tolerance);
}

/// The layer's modules in float64, so that the reference can be exact.
template <typename Module>
Module in_double(Module module) {
  module->to(at::kDouble);
  return module;
}

PointBatch two_clouds(int64_t first, int64_t second) {
  return PointBatch::of({at::rand({first, 3}, at::kDouble), at::rand({second, 3}, at::kDouble)});
}

TEST(RowNorm, AgreesWithLibTorchInTrainingAndEvaluation) {
  at::manual_seed(1);
  RowNorm ours(7, Activation::kNone);
  torch::nn::BatchNorm1d theirs(7);
  for (int step = 0; step < 3; ++step) {
    const at::Tensor x = at::randn({13, 7}) * 3 + 1;
    EXPECT_TRUE(close(ours(x), theirs(x)));
  }
  EXPECT_TRUE(close(ours->running_mean, theirs->running_mean));
  EXPECT_TRUE(close(ours->running_var, theirs->running_var));
  ours->eval();
  theirs->eval();
  const at::Tensor x = at::randn({5, 7});
  EXPECT_TRUE(close(ours(x), theirs(x)));
  EXPECT_EQ(ours(at::zeros({0, 7})).size(0), 0);
}

TEST(RowNorm, GradientByFiniteDifferences) {
  at::manual_seed(2);
  RowNorm norm = in_double(RowNorm(3, Activation::kLeakyReLU));
  at::Tensor x = at::randn({6, 3}, at::kDouble).requires_grad_(true);
  const at::Tensor g = at::randn({6, 3}, at::kDouble);
  (norm(x) * g).sum().backward();
  const at::NoGradGuard no_grad;
  for (const auto& [i, j] : {std::pair{0, 0}, std::pair{3, 2}, std::pair{5, 1}}) {
    at::Tensor up = x.clone();
    at::Tensor down = x.clone();
    up[i][j] += 1e-6;
    down[i][j] -= 1e-6;
    const double difference = ((norm(up) - norm(down)) * g).sum().item<double>() / 2e-6;
    EXPECT_NEAR(x.grad()[i][j].item<double>(), difference, 1e-6);
  }
}

TEST(Pooling, OverEachCloudOnItsOwn) {
  const at::Tensor feat = at::tensor({1.0, 5.0, 2.0, 3.0, -7.0, 4.0}).view({3, 2});
  const at::Tensor offsets = offsets_of({1, 2});
  EXPECT_TRUE(close(max_pool(feat, offsets), at::tensor({1.0, 5.0, 2.0, 4.0}).view({2, 2})));
  EXPECT_TRUE(close(mean_pool(feat, offsets), at::tensor({1.0, 5.0, -2.5, 3.5}).view({2, 2})));
  EXPECT_TRUE(close(repeat_per_point(at::tensor({1.0, 2.0}).view({2, 1}), offsets),
                    at::tensor({1.0, 2.0, 2.0}).view({3, 1})));
  EXPECT_THROW(max_pool(feat, offsets_of({3, 0})), c10::ValueError);
  EXPECT_THROW(repeat_per_point(feat, offsets), c10::ValueError);
}

TEST(OffsetAttention, IsTheFormulaOfThePaper) {
  at::manual_seed(3);
  OffsetAttention layer = in_double(OffsetAttention(8));
  layer->eval();
  const at::Tensor x = at::randn({11, 8}, at::kDouble);
  const at::Tensor qk = layer->qk(x);
  const at::Tensor p = at::softmax(qk.mm(qk.t()), 1);
  const at::Tensor a = p / (1e-9 + p.sum(0, true));
  const at::Tensor expected = x + layer->transform(x - a.t().mm(layer->value(x)));
  EXPECT_TRUE(close(layer(x, offsets_of({11})), expected, 1e-9));
  EXPECT_THROW(OffsetAttention(10), c10::ValueError);
}

TEST(OffsetAttention, SelfKindIsScaledDotProductAttention) {
  at::manual_seed(4);
  OffsetAttention layer = in_double(OffsetAttention(16, AttentionKind::kSelf));
  layer->eval();
  const at::Tensor x = at::randn({9, 16}, at::kDouble);
  const at::Tensor qk = layer->qk(x);
  const at::Tensor a = at::softmax(qk.mm(qk.t()) / 2.0, 1);  // D = 4
  EXPECT_TRUE(close(layer(x, offsets_of({9})), x + layer->transform(a.mm(layer->value(x))), 1e-9));
}

TEST(OffsetAttention, CloudsDoNotSeeEachOther) {
  at::manual_seed(5);
  OffsetAttention layer(16);
  layer->eval();
  const at::Tensor a = at::randn({5, 16});
  const at::Tensor b = at::randn({8, 16});
  const at::Tensor both = layer(at::cat({a, b}), offsets_of({5, 8}));
  EXPECT_TRUE(close(both.narrow(0, 0, 5), layer(a, offsets_of({5}))));
  EXPECT_TRUE(close(both.narrow(0, 5, 8), layer(b, offsets_of({8}))));
}

TEST(NeighborEmbedding, SplitProductEqualsTheGroupedOne) {
  at::manual_seed(6);
  for (const bool relative : {false, true}) {
    NeighborEmbedding layer = in_double(NeighborEmbedding(4, 6, 3, relative));
    const PointBatch batch = two_clouds(9, 7);
    const at::Tensor feat = at::randn({16, 4}, at::kDouble);
    const Sampled centres = sample_farthest(batch, 5);
    layer->eval();
    const at::Tensor got = layer(batch, feat, centres);
    const at::Tensor index = nearest(centres.batch, batch, 3);
    for (int64_t m = 0; m < got.size(0); ++m) {
      const at::Tensor own = feat[centres.index[m].item<int64_t>()];
      at::Tensor best;
      for (int64_t j = 0; j < 3; ++j) {
        const auto row = index[m][j].item<int64_t>();
        std::vector<at::Tensor> input = {feat[row] - own, own};
        if (relative) input.push_back(batch.xyz[row] - centres.batch.xyz[m]);
        const at::Tensor out = layer->second(layer->first(at::cat(input).unsqueeze(0)))[0];
        best = best.defined() ? at::maximum(best, out) : out;
      }
      EXPECT_TRUE(close(got[m], best, 1e-9)) << m;
    }
  }
}

TEST(NeighborEmbedding, SmallCloudsUseWhatTheyHave) {
  NeighborEmbedding layer = in_double(NeighborEmbedding(2, 4, 32));
  layer->eval();
  const PointBatch batch = two_clouds(1, 40);
  const at::Tensor out = layer(batch, at::randn({41, 2}, at::kDouble), sample_farthest(batch, 8));
  EXPECT_EQ(out.sizes(), (std::vector<int64_t>{9, 4}));
  EXPECT_TRUE(out.isfinite().all().item<bool>());
}

TEST(Sampling, FirstOfAFarthestSampleIsASmallerFarthestSample) {
  const PointBatch batch = two_clouds(50, 20);
  const Sampled many = sample_farthest(batch, 30);
  const Sampled few = take_first(many.batch, 10);
  EXPECT_TRUE(few.batch.xyz.equal(sample_farthest(batch, 10).batch.xyz));
  EXPECT_EQ(few.batch.counts(), (std::vector<int64_t>{10, 10}));
}

TEST(GatherMax, AgreesWithGatherThenMax) {
  at::manual_seed(7);
  const at::Tensor feat = at::randn({7, 5}, at::kDouble).requires_grad_(true);
  const at::Tensor index = at::randint(0, 7, {11, 3}, at::kLong);
  const at::Tensor g = at::randn({11, 5}, at::kDouble);
  const at::Tensor got = ops::gather_max(feat, index);
  (got * g).sum().backward();
  const at::Tensor twin = feat.detach().clone().requires_grad_(true);
  const at::Tensor expected =
      std::get<0>(twin.index_select(0, index.reshape(-1)).view({11, 3, 5}).max(1));
  (expected * g).sum().backward();
  EXPECT_TRUE(got.equal(expected));
  EXPECT_TRUE(close(feat.grad(), twin.grad(), 1e-12));
  EXPECT_THROW(ops::gather_max(feat, index + 7), c10::ValueError);
  EXPECT_THROW(ops::gather_max(feat, at::full({1, 1}, -1, at::kLong)), c10::ValueError);
  EXPECT_THROW(ops::gather_max(feat, at::zeros({2, 0}, at::kLong)), c10::ValueError);
  EXPECT_EQ(ops::gather_max(feat, at::zeros({0, 2}, at::kLong)).size(0), 0);
}

TEST(GatherMax, SameBitsForEveryNumberOfThreads) {
  const at::Tensor feat = at::randn({500, 64}).requires_grad_(true);
  const at::Tensor index = at::randint(0, 500, {900, 8}, at::kLong);
  std::vector<at::Tensor> grads;
  const int kept = at::get_num_threads();
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    const at::Tensor twin = feat.detach().clone().requires_grad_(true);
    ops::gather_max(twin, index).square().sum().backward();
    grads.push_back(twin.grad());
  }
  at::set_num_threads(kept);
  EXPECT_TRUE(grads[0].equal(grads[1]));
}

TEST(Local, ResidualAndDownAreTheirFormulas) {
  at::manual_seed(8);
  const at::Tensor feat = at::randn({10, 4}, at::kDouble);
  const at::Tensor xyz = at::rand({10, 3}, at::kDouble);
  const at::Tensor index = at::randint(0, 10, {6, 3}, at::kLong);
  LocalDown down = in_double(LocalDown(4, 8));
  down->eval();
  const at::Tensor got = down(feat, xyz, xyz.narrow(0, 0, 6), index);
  const auto weights = down->named_parameters();
  for (int64_t m = 0; m < 6; ++m) {
    at::Tensor best;
    for (int64_t j = 0; j < 3; ++j) {
      const auto row = index[m][j].item<int64_t>();
      const at::Tensor pair =
          weights["feat.weight"].mv(feat[row]) + weights["position.weight"].mv(xyz[row] - xyz[m]);
      best = best.defined() ? at::maximum(best, pair) : pair;
    }
    EXPECT_TRUE(close(got[m], (best / std::sqrt(1.0 + 1e-5)).relu(), 1e-9));
  }
  LocalResidual residual = in_double(LocalResidual(4));
  residual->eval();
  const at::Tensor around = at::randint(0, 10, {10, 3}, at::kLong);
  const at::Tensor out = residual(feat, xyz, around);
  const auto w = residual->named_parameters();
  const double norm =
      1 / std::sqrt(1.0 + 1e-5);  // of fresh running statistics; the last two norms start at 0.5
  for (int64_t i = 0; i < 10; ++i) {
    at::Tensor best;
    for (int64_t j = 0; j < 3; ++j) {
      const auto row = around[i][j].item<int64_t>();
      const at::Tensor pair =
          w["local.weight"].mv(at::cat({feat[row] - feat[i], xyz[row] - xyz[i]}));
      best = best.defined() ? at::maximum(best, pair) : pair;
    }
    const at::Tensor near = feat[i] + 0.5 * norm * best;
    const at::Tensor hidden = (norm * w["expand.linear.weight"].mv(near)).relu();
    EXPECT_TRUE(close(out[i], near + 0.5 * norm * w["contract.linear.weight"].mv(hidden), 1e-9))
        << i;
  }
}

}  // namespace
}  // namespace pointattn::nn
