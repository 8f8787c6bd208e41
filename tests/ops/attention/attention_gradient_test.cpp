// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention.h"
#include "tests/ops/attention/attention_cases.h"
#include "tests/reference/attention.h"

namespace pointattn {
namespace {

using ops::attention;

const char* const kResults[] = {"out", "grad q", "grad k", "grad v", "grad bias"};

class AttentionGradientSizes
    : public testing::TestWithParam<std::tuple<c10::DeviceType, AttentionSize, Bias>> {};

/// Ours against autograd of the eager form: in double, and in float beside eager float.
void expect_equal_gradients(const AttentionCase& input, c10::DeviceType device, double tolerance) {
  const AttentionCase narrow = input.to(at::kFloat);
  const AttentionCase rounded = narrow.to(at::kDouble);
  const auto exact = run_attention(reference::eager_attention, rounded);
  const auto eager = run_attention(reference::eager_attention, narrow);
  const auto wide = run_attention(attention, rounded.to(device));
  const auto ours = run_attention(attention, narrow.to(device));
  ASSERT_EQ(ours.size(), exact.size());
  for (size_t i = 0; i < exact.size(); ++i) {
    ASSERT_EQ(wide[i].sizes(), exact[i].sizes());
    EXPECT_LE(max_difference(wide[i], exact[i]), 1e-11 * size_of(exact[i])) << kResults[i];
    EXPECT_LE(max_difference(ours[i], exact[i]),
              2 * max_difference(eager[i], exact[i]) + tolerance * size_of(exact[i]))
        << kResults[i];
  }
}

TEST_P(AttentionGradientSizes, EqualAutogradOfTheEagerForm) {
  const auto& [device, size, bias] = GetParam();
  POINTATTN_NEED_DEVICE(device);
  const AttentionCase input = random_case(size, bias);
  // The only key of all queries has a bias without effect: of its gradient, a sum over the queries that
  // cancels out, one rounding of each term is left, as a random walk.
  const double roundings =
      input.k.size(0) == 1 ? 1.2e-7 * std::sqrt(static_cast<double>(input.q.size(0))) : 0;
  expect_equal_gradients(input, device, 5e-6 + roundings);
}

INSTANTIATE_TEST_SUITE_P(
    Sizes,
    AttentionGradientSizes,
    testing::Combine(testing::ValuesIn(test::kDevices),
                     testing::Values(AttentionSize{{0}, {0}, 1, 5, 7},
                                     AttentionSize{{3}, {0}, 2, 5, 7},
                                     AttentionSize{{1}, {1}, 1, 1, 1},
                                     AttentionSize{{13}, {97}, 2, 8, 5},
                                     AttentionSize{{97}, {13}, 3, 33, 31},
                                     AttentionSize{{193}, {389}, 4, 32, 64},
                                     AttentionSize{{1}, {661}, 2, 16, 3},
                                     AttentionSize{{661}, {1}, 2, 16, 3},
                                     AttentionSize{{661}, {257}, 1, 32, 128},
                                     AttentionSize{
                                         {0, 5, 0, 97, 30, 0}, {4, 0, 0, 298, 1, 7}, 2, 5, 7}),
                     testing::Values(Bias::kNone, Bias::kFinite, Bias::kMasks)));

struct Extreme {
  const char* name;
  void (*set)(AttentionCase&);
};

void PrintTo(const Extreme& extreme, std::ostream* to) { *to << extreme.name; }

class AttentionGradientExtremes
    : public testing::TestWithParam<std::tuple<c10::DeviceType, Extreme>> {};

TEST_P(AttentionGradientExtremes, EqualAutogradOfTheEagerForm) {
  const auto& [device, extreme] = GetParam();
  POINTATTN_NEED_DEVICE(device);
  AttentionCase input = random_case({{150}, {230}, 2, 4, 5}, Bias::kFinite);
  input.scale = 1;
  extreme.set(input);
  expect_equal_gradients(input, device, 5e-5);
}

INSTANTIATE_TEST_SUITE_P(
    Extremes,
    AttentionGradientExtremes,
    testing::Combine(testing::ValuesIn(test::kDevices),
                     testing::Values(Extreme{"ScoresOfTenThousand",
                                             [](AttentionCase& input) {
                                               input.q.copy_(at::randint(-50, 51, input.q.sizes()));
                                               input.k.copy_(at::randint(-50, 51, input.k.sizes()));
                                               input.bias->round_();
                                             }},
                                     Extreme{"EqualScores",
                                             [](AttentionCase& input) {
                                               input.q.fill_(50);  // 1e4 each
                                               input.k.fill_(50);
                                               input.bias->zero_();
                                             }},
                                     Extreme{"OneKeyDominates",
                                             [](AttentionCase& input) {
                                               input.q.fill_(5);
                                               input.k.mul_(0.1).sub_(2);
                                               input.k[177].fill_(5);
                                             }},
                                     Extreme{"BiasesOfTenThousand", [](AttentionCase& input) {
                                               input.bias->mul_(1e4).round_();
                                               input.bias->select(1, 0).fill_(-1e4);
                                             }})));

TEST(AttentionGradient, EqualsFiniteDifferences) {
  const AttentionCase input = random_case({{7, 0, 11, 2}, {5, 3, 13, 0}, 2, 3, 2}, Bias::kFinite);
  const auto results = run_attention(attention, input);
  const auto loss = [&] { return (input(attention) * input.grad).sum(); };
  EXPECT_LT(max_difference(results[1], finite_differences(input.q, loss)), 1e-7);
  EXPECT_LT(max_difference(results[2], finite_differences(input.k, loss)), 1e-7);
  EXPECT_LT(max_difference(results[3], finite_differences(input.v, loss)), 1e-7);
  EXPECT_LT(max_difference(results[4], finite_differences(*input.bias, loss)), 1e-7);
}

TEST(AttentionGradient, OneTensorForQueriesKeysAndValuesGetsAllGradients) {
  AttentionCase input = random_case({{203}, {203}, 2, 5, 5}, Bias::kNone);
  input.k = input.v = input.q;
  const auto apart = run_attention(attention, input);
  const at::Tensor shared = input.q.clone().requires_grad_();
  input.q = input.k = input.v = shared;
  input(attention).backward(input.grad);
  EXPECT_LT(max_difference(shared.grad(), apart[1] + apart[2] + apart[3]), 1e-13);
}

TEST(AttentionGradient, ExpandedAndStridedGradients) {
  AttentionCase input = random_case({{120}, {57}, 2, 4, 6}, Bias::kFinite);
  for (const at::Tensor& grad :
       {at::full({1, 1, 1}, 0.5, at::kDouble).expand({120, 2, 6}), strided(input.grad)}) {
    input.grad = grad;
    const auto a = run_attention(attention, input);
    input.grad = grad.contiguous();
    const auto b = run_attention(attention, input);
    for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i], b[i])) << kResults[i];
  }
}

TEST(AttentionGradient, OnlyWhereItIsAsked) {
  AttentionCase input = random_case({{50}, {40}, 2, 4, 6}, Bias::kFinite);
  const at::Tensor expected = run_attention(attention, input)[4];
  EXPECT_FALSE(input(attention).requires_grad());
  const at::Tensor bias = input.bias->clone().requires_grad_();
  input.bias = bias;
  {
    const at::NoGradGuard guard;
    EXPECT_FALSE(input(attention).requires_grad());
  }
  input(attention).backward(input.grad);
  EXPECT_TRUE(at::equal(bias.grad(), expected));
}

TEST(AttentionGradient, SecondDerivativesAreRefused) {
  AttentionCase input = random_case({{10}, {10}, 2, 4, 6}, Bias::kNone);
  input.v.requires_grad_();
  const at::Tensor out = input(attention);
  EXPECT_THROW(torch::autograd::grad({out}, {input.v}, {input.grad}, true, true),
               c10::NotImplementedError);
}

}  // namespace
}  // namespace pointattn
