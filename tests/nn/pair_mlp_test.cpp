// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/pair_mlp.h"

#include "pointattn/nn/project.h"
#include "tests/support/gradients.h"
#include "tests/support/memory.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <string>
#include <vector>

namespace pointattn::nn {
namespace {

/// Both layers with norms of either sign, and what goes through them.
struct Case {
  RowNorm first{nullptr};
  SharedMlp second{nullptr};
  Pairs pairs;
  at::Tensor grad;

  Case(int64_t N,
       int64_t M,
       int64_t K,
       int64_t C,
       int64_t D,
       at::ScalarType dtype,
       Activation activation = Activation::kReLU)
      : first(C, activation), second(C, D, /*bias=*/false, activation) {
    const at::NoGradGuard no_grad;
    for (const auto& module : {first.ptr()->shared_from_this(), second.ptr()->shared_from_this()})
      module->to(dtype);
    for (RowNorm* norm : {&first, &second->norm}) {
      (*norm)->weight.copy_(at::randn_like((*norm)->weight));
      (*norm)->bias.copy_(at::randn_like((*norm)->bias) * 0.3);
    }
    const auto options = at::dtype(dtype);
    pairs = {at::randn({N, C}, options) + 2, at::randn({M, C}, options) * 0.5, {}};
    // As in clouds that follow each other: a centre sees rows near its own place.
    const at::Tensor own = at::arange(M, at::kLong).mul(N).floor_divide(M).unsqueeze(1);
    pairs.index = (own + at::randint(0, N / 4 + 1, {M, K}, at::kLong)).remainder(N);
    grad = at::randn({M, D}, options);
  }

  std::vector<at::Tensor> inputs() const {
    return {pairs.near,
            pairs.centre,
            first->weight,
            first->bias,
            second->linear->weight,
            second->norm->weight,
            second->norm->bias};
  }
  std::vector<at::Tensor> statistics() const {
    return {first->running_mean,
            first->running_var,
            second->norm->running_mean,
            second->norm->running_var};
  }
};

/// The definition, all pairs stored.
at::Tensor stored(Case& c) {
  const at::Tensor sums = c.pairs.near.index_select(0, c.pairs.index.view(-1))
                              .view({c.pairs.index.size(0), c.pairs.index.size(1), -1}) +
                          c.pairs.centre.unsqueeze(1);
  const at::Tensor all = c.second(c.first(sums.flatten(0, 1)).view(sums.sizes()));
  return std::get<0>(all.max(1));
}

at::Tensor fused(Case& c) { return pair_mlp_max(c.pairs, c.first, c.second); }

/// Result, gradients and running statistics of a training step.
std::vector<at::Tensor> step(Case& c, at::Tensor (*forward)(Case&)) {
  for (const at::Tensor& tensor : c.statistics()) tensor.fill_(0.5);
  c.pairs.near = c.pairs.near.detach().requires_grad_(true);
  c.pairs.centre = c.pairs.centre.detach().requires_grad_(true);
  for (at::Tensor input : c.inputs()) input.mutable_grad().reset();
  const at::Tensor out = forward(c);
  (out * c.grad).sum().backward();
  std::vector<at::Tensor> results = {out.detach()};
  for (const at::Tensor& input : c.inputs()) results.push_back(input.grad().clone());
  for (const at::Tensor& tensor : c.statistics()) results.push_back(tensor.clone());
  return results;
}

void expect_close(const std::vector<at::Tensor>& got,
                  const std::vector<at::Tensor>& expected,
                  double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const double size = expected[i].abs().max().item<double>();
    const double off =
        (got[i].to(at::kDouble) - expected[i].to(at::kDouble)).abs().max().item<double>();
    EXPECT_LE(off, tolerance * (1 + size)) << "result " << i;
  }
}

TEST(PairMlp, AgreesWithStoredPairs) {
  at::manual_seed(1);
  struct Size {
    int64_t N, M, K, C, D;
  };
  // One pair at least two rows for the norm; a centre of more than a tile; several tiles and slices;
  // rows seen from everywhere.
  for (const auto& [N, M, K, C, D] : {Size{3, 1, 2, 4, 5},
                                      Size{40, 7, 700, 3, 6},
                                      Size{90, 130, 5, 17, 8},
                                      Size{2000, 1500, 9, 6, 7}}) {
    for (const Activation activation : {Activation::kReLU, Activation::kLeakyReLU}) {
      Case c(N, M, K, C, D, at::kDouble, activation);
      const std::vector<at::Tensor> expected = step(c, stored);
      SCOPED_TRACE(testing::Message() << N << " " << M << " " << K << " " << C << " " << D);
      expect_close(step(c, fused), expected, 1e-10);
    }
  }
}

TEST(PairMlp, Float32IsAsNearToFloat64AsStoredPairs) {
  at::manual_seed(2);
  Case c(700, 900, 16, 32, 48, at::kFloat);
  const std::vector<at::Tensor> got = step(c, fused);
  const std::vector<at::Tensor> eager = step(c, stored);
  Case exact(700, 900, 16, 32, 48, at::kDouble);
  {
    const at::NoGradGuard no_grad;
    exact.pairs = {c.pairs.near.detach().to(at::kDouble),
                   c.pairs.centre.detach().to(at::kDouble),
                   c.pairs.index};
    exact.grad = c.grad.to(at::kDouble);
    const std::vector<at::Tensor> from = c.inputs();
    const std::vector<at::Tensor> to = exact.inputs();
    for (size_t i = 2; i < from.size(); ++i) to[i].copy_(from[i]);
  }
  const std::vector<at::Tensor> expected = step(exact, stored);
  for (size_t i = 0; i < got.size(); ++i) {
    const auto off = [&](const at::Tensor& x) {
      return (x.to(at::kDouble) - expected[i]).norm().item<double>() /
             expected[i].norm().item<double>();
    };
    EXPECT_LE(off(got[i]), 3 * off(eager[i]) + 3e-6) << "result " << i;
  }
}

TEST(PairMlp, GradientByFiniteDifferences) {
  at::manual_seed(3);
  Case c(6, 4, 3, 4, 5, at::kDouble, Activation::kLeakyReLU);
  const std::vector<at::Tensor> results = step(c, fused);
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> inputs = c.inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const at::Tensor kept = inputs[i].clone();
    const auto loss = [&](const at::Tensor& x) {
      inputs[i].copy_(x);
      return (fused(c) * c.grad).sum();
    };
    const at::Tensor expected = test::finite_differences(loss, kept);
    EXPECT_TRUE(at::allclose(results[1 + i], expected, 1e-5, 1e-6)) << "input " << i;
    inputs[i].copy_(kept);
  }
}

TEST(PairMlp, ThreadsDoNotChangeTheResult) {
  at::manual_seed(4);
  Case c(1500, 1200, 12, 16, 24, at::kDouble);
  const int kept = at::get_num_threads();
  std::vector<std::vector<at::Tensor>> results;
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    results.push_back(step(c, fused));
  }
  at::set_num_threads(kept);
  for (const std::vector<at::Tensor>& some : results) expect_close(some, results[0], 1e-13);
}

TEST(PairMlp, EvaluationUsesTheRunningStatistics) {
  at::manual_seed(5);
  for (const Activation activation : {Activation::kReLU, Activation::kLeakyReLU}) {
    Case c(300, 200, 6, 8, 12, at::kDouble, activation);
    for (const at::Tensor& tensor : c.statistics()) tensor.uniform_(0.5, 2);
    c.first->eval();
    c.second->eval();
    const at::NoGradGuard no_grad;
    const at::Tensor expected = stored(c);
    EXPECT_TRUE(at::allclose(fused(c), expected, 1e-10, 1e-12));
    const auto [scale, shift] = fixed_norm(*c.first);
    const Pairs folded{c.pairs.near * scale, c.pairs.centre * scale + shift, c.pairs.index};
    EXPECT_TRUE(
        at::allclose(folded_pair_mlp_max(folded, activation, c.second), expected, 1e-10, 1e-12));
  }
}

TEST(PairMlp, EvaluationInInferenceMode) {
  at::manual_seed(8);
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    Case c(600, 500, 16, 8, 40, dtype);  // many tiles, so that other threads have some
    c.first->eval();
    c.second->eval();
    const auto run = [&] { return folded_pair_mlp_max(c.pairs, Activation::kReLU, c.second); };
    at::Tensor plain, inference, frozen;
    {
      const at::NoGradGuard no_grad;
      plain = run();
    }
    {
      const c10::InferenceMode mode;
      inference = run();
      c.second->freeze(Precision::kFloat32);
      frozen = run();
    }
    EXPECT_TRUE(plain.equal(inference));
    EXPECT_TRUE(at::allclose(plain, frozen, 1e-5, 1e-5));
    EXPECT_FALSE(plain.is_inference());
  }
}

TEST(PairMlp, NoCentresSecondDerivativesAndBadInput) {
  at::manual_seed(6);
  Case c(5, 4, 3, 4, 6, at::kDouble);
  c.pairs.near.requires_grad_(true);
  const at::Tensor out = fused(c).square().sum();
  EXPECT_THROW(torch::autograd::grad({out}, {c.pairs.near}, {}, true, /*create_graph=*/true),
               c10::NotImplementedError);
  c.second->eval();
  c.first->eval();
  const at::NoGradGuard no_grad;
  const Pairs none{c.pairs.near, c.pairs.centre.narrow(0, 0, 0), c.pairs.index.narrow(0, 0, 0)};
  EXPECT_EQ(folded_pair_mlp_max(none, Activation::kReLU, c.second).sizes(),
            (at::IntArrayRef{0, 6}));
  SharedMlp biased(4, 6, /*bias=*/true);
  EXPECT_THROW(pair_mlp_max(c.pairs, c.first, biased), c10::ValueError);
  for (const int64_t row : {int64_t{-1}, int64_t{5}}) {
    const Pairs outside{c.pairs.near, c.pairs.centre, at::full_like(c.pairs.index, row)};
    EXPECT_THROW(pair_mlp_max(outside, c.first, c.second), c10::ValueError);
    EXPECT_THROW(folded_pair_mlp_max(outside, Activation::kReLU, c.second), c10::ValueError);
  }
}

TEST(PairMlp, MemoryDoesNotHoldThePairs) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer keeps freed memory";
#endif
  at::manual_seed(7);
  Case c(8192, 8192, 32, 64, 64, at::kFloat);  // a tensor of the pairs is 67 MB
  const std::optional<int64_t> growth = test::growth_of([&] { step(c, fused); });
  if (!growth) GTEST_SKIP() << "the peak cannot be measured here";
  EXPECT_LT(*growth, int64_t{100} << 20);
  const std::optional<int64_t> of_stored = test::growth_of([&] { step(c, stored); });
  if (of_stored) EXPECT_GT(*of_stored, int64_t{250} << 20) << "the measurement sees nothing";
}

}  // namespace
}  // namespace pointattn::nn
