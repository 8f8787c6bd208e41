// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/vector_attention.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/nn/sampling.h"
#include "pointattn/nn/transitions.h"
#include "tests/support/gradients.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

namespace pointattn::nn {
namespace {

bool close(const at::Tensor& a, const at::Tensor& b, double tolerance = 1e-10) {
  return a.sizes() == b.sizes() && at::allclose(a.to(b.scalar_type()), b, tolerance, tolerance);
}

template <typename Module>
Module in_double(Module module) {
  module->to(at::kDouble);
  return module;
}

/// Norms that do something, in evaluation too; products keep the size of their input.
template <typename Module>
Module unsettled(Module module) {
  const at::NoGradGuard no_grad;
  for (auto& parameter : module->parameters()) {
    const double fan_in = parameter.dim() == 2 ? static_cast<double>(parameter.size(1)) : 4;
    parameter.add_(at::randn_like(parameter), 0.5 / std::sqrt(fan_in));
  }
  for (auto& buffer : module->named_buffers()) {
    buffer.value().copy_(at::rand_like(buffer.value()) + 0.5);
  }
  return module;
}

PointBatch ragged(const std::vector<int64_t>& counts) {
  std::vector<at::Tensor> clouds;
  for (const int64_t n : counts) clouds.push_back(at::rand({n, 3}, at::kDouble));
  return PointBatch::of(clouds);
}

/// Batch norm in training over the rows, then ReLU.
at::Tensor normed(const at::Tensor& rows, const RowNorm& norm) {
  const at::Tensor centred = rows - rows.mean(0, true);
  const at::Tensor variance = centred.square().mean(0, true);
  return (centred / (variance + 1e-5).sqrt() * norm->weight + norm->bias).clamp_min(0);
}

at::Tensor product(const torch::nn::Linear& layer, const at::Tensor& rows) {
  return at::matmul(rows, layer->weight.t()) + layer->bias;
}

/// Compares the gradients of `forward`, by the features and by every parameter of the layer, with
/// finite differences.
template <typename Module>
void expect_gradients(const Module& layer,
                      const at::Tensor& features,
                      const std::function<at::Tensor(const at::Tensor&)>& forward) {
  at::Tensor feat = features.clone().requires_grad_(true);
  const at::Tensor out = forward(feat);
  const at::Tensor g = at::randn_like(out);
  (out * g).sum().backward();
  const at::NoGradGuard no_grad;
  const auto by_feat = [&](const at::Tensor& x) { return (forward(x) * g).sum(); };
  EXPECT_TRUE(close(feat.grad(), test::finite_differences(by_feat, feat), 1e-5));
  for (auto& parameter : layer->named_parameters()) {
    at::Tensor weight = parameter.value();
    const at::Tensor kept = weight.clone();
    const auto by_weight = [&](const at::Tensor& x) {
      weight.copy_(x);
      return (forward(feat) * g).sum();
    };
    EXPECT_TRUE(close(weight.grad(), test::finite_differences(by_weight, kept), 1e-5))
        << parameter.key();
    weight.copy_(kept);
  }
}

/// The paper's formula, pair by pair, with batch norm over all the pairs.
at::Tensor naive(const VectorAttention& a,
                 const at::Tensor& feat,
                 const at::Tensor& xyz,
                 const at::Tensor& index) {
  std::vector<int64_t> centre, near;
  for (int64_t i = 0; i < index.size(0); ++i) {
    for (int64_t k = 0; k < index.size(1); ++k) {
      if (index[i][k].item<int64_t>() < 0) continue;
      centre.push_back(i);
      near.push_back(index[i][k].item<int64_t>());
    }
  }
  std::vector<at::Tensor> steps, relations, values;
  for (size_t e = 0; e < near.size(); ++e) steps.push_back(xyz[near[e]] - xyz[centre[e]]);
  const at::Tensor offset =
      product(a->position_out,
              normed(product(a->position_in->linear, at::stack(steps)), a->position_in->norm));
  for (size_t e = 0; e < near.size(); ++e) {
    const at::Tensor delta = offset[static_cast<int64_t>(e)];
    relations.push_back(product(a->linear_k, feat[near[e]]) -
                        product(a->linear_q, feat[centre[e]]) + delta);
    values.push_back(product(a->linear_v, feat[near[e]]) + delta);
  }
  const at::Tensor inner = normed(at::stack(relations), a->relation_norm);
  const at::Tensor logits =
      product(a->logits, normed(product(a->hidden->linear, inner), a->hidden->norm));
  const int64_t groups = logits.size(1);
  at::Tensor out = at::zeros_like(feat);
  for (int64_t c = 0; c < feat.size(1); ++c) {
    at::Tensor total = at::zeros({feat.size(0)}, at::kDouble);
    for (size_t e = 0; e < near.size(); ++e) {
      const double weight = std::exp(logits[static_cast<int64_t>(e)][c % groups].item<double>());
      total[centre[e]] += weight;
      out[centre[e]][c] += weight * values[e][c];
    }
    out.select(1, c).div_(total);
  }
  return out;
}

TEST(VectorAttention, IsTheFormulaOfThePaper) {
  at::manual_seed(1);
  const at::NoGradGuard no_grad;
  const PointBatch batch = ragged({9, 1, 4});  // two clouds smaller than their neighbourhoods
  const at::Tensor index = nearest_or_none(batch, batch, 5);
  EXPECT_EQ(index.lt(0).sum().item<int64_t>(), 4 + 4);
  for (const auto& [channels, share] : {std::pair{16, 8}, {6, 2}, {4, 1}}) {
    VectorAttention layer = unsettled(in_double(VectorAttention(channels, share)));
    const at::Tensor feat = at::randn({14, channels}, at::kDouble);
    EXPECT_TRUE(close(layer(feat, batch.xyz, index), naive(layer, feat, batch.xyz, index)));
  }
}

TEST(VectorAttention, FusedComputesTheSame) {
  at::manual_seed(2);
  const at::NoGradGuard no_grad;
  const PointBatch batch = ragged({300, 1, 5, 77});
  const at::Tensor index = nearest_or_none(batch, batch, 16);
  for (const int64_t channels : {8, 32, 64, 128}) {
    VectorAttention layer = unsettled(VectorAttention(channels));
    layer->eval();
    const at::Tensor feat = at::randn({383, channels});
    const at::Tensor xyz = batch.xyz.to(at::kFloat);
    const at::Tensor composed = layer(feat, xyz, index);
    layer->freeze(Precision::kFloat32);
    EXPECT_TRUE(close(layer(feat, xyz, index), composed, 1e-5)) << channels;
    layer->train();
    layer->eval();
    EXPECT_TRUE(layer(feat, xyz, index).equal(composed)) << "train() did not thaw the layer";
  }
}

TEST(VectorAttention, GradientByFiniteDifferences) {
  at::manual_seed(3);
  const PointBatch batch = ragged({6, 1, 3});
  const at::Tensor index = nearest_or_none(batch, batch, 4);
  VectorAttention layer = unsettled(in_double(VectorAttention(4, 2)));
  expect_gradients(layer, at::randn({10, 4}, at::kDouble), [&](const at::Tensor& feat) {
    return layer(feat, batch.xyz, index);
  });
}

TEST(VectorAttention, RefusesChannelsThatDoNotShare) {
  EXPECT_THROW(VectorAttention(12, 8), c10::ValueError);
  EXPECT_THROW(VectorAttention(8, 0), c10::ValueError);
}

TEST(VectorAttentionBlock, AddsToItsInputAndHasTheParametersOfTheFormula) {
  at::manual_seed(4);
  for (const int64_t c : {32, 128}) {
    const int64_t g = c / 8;
    int64_t parameters = 0;
    VectorAttentionBlock block(c);
    for (const at::Tensor& parameter : block->parameters()) parameters += parameter.numel();
    EXPECT_EQ(parameters, 5 * c * c + 15 * c + 18 + c * g + g * g + 4 * g);
  }
  // With linear3's norm at zero nothing is added.
  VectorAttentionBlock block(16);
  const at::NoGradGuard no_grad;
  for (auto& parameter : block->named_parameters()) {
    if (parameter.key() == "linear3.norm.weight") parameter.value().zero_();
  }
  const PointBatch batch = ragged({20});
  const at::Tensor xyz = batch.xyz.to(at::kFloat);
  const at::Tensor feat = at::rand({20, 16});
  EXPECT_TRUE(close(block(feat, xyz, nearest_or_none(batch, batch, 8)), feat, 1e-6));
}

TEST(TransitionDown, IsTheMaximumOverNeighborsOfOneLayer) {
  at::manual_seed(5);
  const at::NoGradGuard no_grad;
  const PointBatch batch = ragged({12, 2});
  const PointBatch few = sample_farthest(batch, {3, 1}).batch;
  EXPECT_EQ(few.counts(), (std::vector<int64_t>{3, 1}));
  const at::Tensor index = nearest(few, batch, 4);
  TransitionDown layer = unsettled(in_double(TransitionDown(5, 7)));
  const at::Tensor feat = at::randn({14, 5}, at::kDouble);
  const auto parameters = layer->named_parameters();
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t k = 0; k < 4; ++k) {
      const at::Tensor j = index[i][k];
      rows.push_back(at::matmul(
          parameters["linear.weight"],
          at::cat({batch.xyz[j.item<int64_t>()] - few.xyz[i], feat[j.item<int64_t>()]})));
    }
  }
  const at::Tensor all = at::stack(rows);
  const at::Tensor centred = all - all.mean(0, true);
  const at::Tensor expected =
      (centred / (centred.square().mean(0, true) + 1e-5).sqrt() * parameters["norm.weight"] +
       parameters["norm.bias"])
          .clamp_min(0)
          .view({4, 4, 7})
          .amax(1);
  EXPECT_TRUE(close(layer(feat, batch.xyz, few.xyz, index), expected));
}

TEST(TransitionDown, FrozenComputesTheSameWithNegativeScales) {
  at::manual_seed(6);
  const at::NoGradGuard no_grad;
  const PointBatch batch = ragged({200, 30});
  const PointBatch few = sample_farthest(batch, 40).batch;
  const at::Tensor index = nearest(few, batch, 16);
  TransitionDown layer = unsettled(TransitionDown(32, 64));
  for (auto& parameter : layer->named_parameters()) {
    if (parameter.key() == "norm.weight") parameter.value().copy_(at::randn({64}));
  }
  layer->eval();
  const at::Tensor feat = at::randn({230, 32});
  const at::Tensor xyz = batch.xyz.to(at::kFloat);
  const at::Tensor centre = few.xyz.to(at::kFloat);
  const at::Tensor composed = layer(feat, xyz, centre, index);
  layer->freeze(Precision::kFloat32);
  EXPECT_TRUE(close(layer(feat, xyz, centre, index), composed, 1e-5));
}

TEST(TransitionDown, GradientByFiniteDifferences) {
  at::manual_seed(8);
  const PointBatch batch = ragged({7, 2});
  const PointBatch few = sample_farthest(batch, {3, 1}).batch;
  const at::Tensor index = nearest(few, batch, 4);
  TransitionDown layer = unsettled(in_double(TransitionDown(3, 4)));
  expect_gradients(layer, at::randn({9, 3}, at::kDouble), [&](const at::Tensor& feat) {
    return layer(feat, batch.xyz, few.xyz, index);
  });
}

TEST(TransitionUp, AddsWhatTheFewerSayToItsOwn) {
  at::manual_seed(9);
  const at::NoGradGuard no_grad;
  const PointBatch points = ragged({6, 3});
  const PointBatch few = sample_farthest(points, {4, 1}).batch;
  TransitionUp layer = unsettled(in_double(TransitionUp(5, 4)));
  const at::Tensor own = at::randn({9, 4}, at::kDouble);
  const at::Tensor feat = at::randn({5, 5}, at::kDouble);
  const auto parameters = layer->named_parameters();
  const auto lbr = [&](const at::Tensor& rows, const std::string& name) {
    const at::Tensor y = at::matmul(rows, parameters[name + ".linear.weight"].t()) +
                         parameters[name + ".linear.bias"];
    const at::Tensor centred = y - y.mean(0, true);
    const at::Tensor deviation = (centred.square().mean(0, true) + 1e-5).sqrt();
    return (centred / deviation * parameters[name + ".norm.weight"] +
            parameters[name + ".norm.bias"])
        .clamp_min(0);
  };
  const at::Tensor carried = lbr(feat, "linear2");
  at::Tensor expected = lbr(own, "linear1");
  for (int64_t i = 0; i < 9; ++i) {
    const int64_t first = i < 6 ? 0 : 4;
    const int64_t count = i < 6 ? 4 : 1;
    const at::Tensor distance =
        (few.xyz.narrow(0, first, count) - points.xyz[i]).square().sum(1).sqrt();
    const auto [near, which] = at::topk(distance, std::min<int64_t>(count, 3), 0, false);
    const at::Tensor weight = (near + 1e-8).reciprocal();
    expected[i] +=
        at::matmul(weight / weight.sum(), carried.narrow(0, first, count).index_select(0, which));
  }
  EXPECT_TRUE(close(layer(own, points, feat, few), expected, 1e-6));
}

TEST(TransitionUp, GradientByFiniteDifferences) {
  at::manual_seed(10);
  const PointBatch points = ragged({6, 3});
  const PointBatch few = sample_farthest(points, {4, 1}).batch;
  TransitionUp layer = unsettled(in_double(TransitionUp(3, 4)));
  const at::Tensor own = at::randn({9, 4}, at::kDouble);
  const at::Tensor feat = at::randn({5, 3}, at::kDouble);
  expect_gradients(layer, feat, [&](const at::Tensor& x) { return layer(own, points, x, few); });
  layer->zero_grad();
  expect_gradients(layer, own, [&](const at::Tensor& x) { return layer(x, points, feat, few); });
}

TEST(InterpolateByDistance, GradientByFiniteDifferences) {
  at::manual_seed(11);
  const PointBatch points = ragged({5, 1, 8});
  const PointBatch query = ragged({3, 2, 4});
  const at::Tensor g = at::randn({9, 4}, at::kDouble);
  at::Tensor feat = at::randn({14, 4}, at::kDouble).requires_grad_(true);
  const auto by_feat = [&](const at::Tensor& x) {
    return (interpolate_by_distance(query, points, x) * g).sum();
  };
  by_feat(feat).backward();
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(close(feat.grad(), test::finite_differences(by_feat, feat), 1e-6));
}

TEST(InterpolateByDistance, WeighsByInverseDistance) {
  const PointBatch few = PointBatch::of({at::tensor({0.0, 0.0, 0.0, 3.0, 0.0, 0.0}).view({2, 3}),
                                         at::tensor({5.0, 5.0, 5.0}).view({1, 3})});
  const PointBatch query =
      PointBatch::of({at::tensor({1.0, 0.0, 0.0, 3.0, 0.0, 0.0}).view({2, 3}), at::zeros({1, 3})});
  const at::Tensor feat = at::tensor({6.0, 12.0, -4.0}).view({3, 1});
  // Distances 1 and 2: weights 2/3 and 1/3; a point itself; the only point there is.
  EXPECT_TRUE(close(interpolate_by_distance(query, few, feat).to(at::kDouble),
                    at::tensor({8.0, 12.0, -4.0}, at::kDouble).view({3, 1}),
                    1e-5));
}

TEST(TransitionTurn, JoinsTheCloudsMeanAndItsCategory) {
  at::manual_seed(7);
  TransitionTurn turn(8, 3);
  turn->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor offsets = offsets_of({4, 2});
  const at::Tensor feat = at::randn({6, 8});
  const at::Tensor unknown = turn(feat, at::zeros({2, 3}), offsets);
  EXPECT_TRUE(close(turn(feat.narrow(0, 4, 2), at::zeros({1, 3}), offsets_of({2})),
                    unknown.narrow(0, 4, 2),
                    1e-6));
  const at::Tensor known =
      turn(feat, at::tensor({0.0F, 1.0F, 0.0F, 0.0F, 0.0F, 0.0F}).view({2, 3}), offsets);
  EXPECT_FALSE(known.narrow(0, 0, 4).equal(unknown.narrow(0, 0, 4)));
  EXPECT_TRUE(known.narrow(0, 4, 2).equal(unknown.narrow(0, 4, 2)));
}

TEST(TransitionTurn, GradientByFiniteDifferences) {
  at::manual_seed(12);
  const at::Tensor offsets = offsets_of({5, 1, 3});
  const at::Tensor one_hot = at::one_hot(at::tensor({2, 0, 1}, at::kLong), 3).to(at::kDouble);
  TransitionTurn layer = unsettled(in_double(TransitionTurn(4, 3)));
  expect_gradients(layer, at::randn({9, 4}, at::kDouble), [&](const at::Tensor& feat) {
    return layer(feat, one_hot, offsets);
  });
}

}  // namespace
}  // namespace pointattn::nn
