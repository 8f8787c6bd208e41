// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/offset_attention.h"
#include "tests/ops/attention/offset_attention_cases.h"
#include "tests/reference/offset_attention.h"

#include <gtest/gtest.h>

namespace pointattn {
namespace {

using ops::offset_attention;

const char* const kResults[] = {"out", "grad q", "grad k", "grad v"};

TEST(OffsetAttentionGradient, EqualsFiniteDifferences) {
  const AttentionInput input = random_input({7, 0, 11, 1}, 3, 2);
  const auto results = run_attention(offset_attention, input);
  const auto loss = [&] {
    return (offset_attention(input.q, input.k, input.v, input.offsets) * input.grad).sum();
  };
  EXPECT_LT(max_difference(results[1], finite_differences(input.q, loss)), 1e-7);
  EXPECT_LT(max_difference(results[2], finite_differences(input.k, loss)), 1e-7);
  EXPECT_LT(max_difference(results[3], finite_differences(input.v, loss)), 1e-7);
}

class OffsetAttentionGradientSizes : public testing::TestWithParam<std::vector<int64_t>> {};

TEST_P(OffsetAttentionGradientSizes, EqualsAutogradOfTheEagerForm) {
  for (const auto& [depth, width] : {std::pair<int64_t, int64_t>{5, 7}, {32, 128}, {33, 31}}) {
    const AttentionInput input = random_input(GetParam(), depth, width);
    const auto wide = run_attention(offset_attention, input);
    const auto exact = run_attention(reference::eager_offset_attention, input);
    for (size_t i = 0; i < exact.size(); ++i) {
      ASSERT_EQ(wide[i].sizes(), exact[i].sizes());
      EXPECT_LT(max_difference(wide[i], exact[i]), 1e-11) << kResults[i] << " D=" << depth;
    }
    const AttentionInput narrow = input.to(at::kFloat);
    const auto truth = run_attention(reference::eager_offset_attention, narrow.to(at::kDouble));
    const auto eager = run_attention(reference::eager_offset_attention, narrow);
    const auto ours = run_attention(offset_attention, narrow);
    for (size_t i = 0; i < exact.size(); ++i) {
      EXPECT_LE(max_difference(ours[i], truth[i]),
                2 * max_difference(eager[i], truth[i]) + 2e-6 * size_of(exact[i]))
          << kResults[i] << " D=" << depth;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes,
                         OffsetAttentionGradientSizes,
                         testing::Values(std::vector<int64_t>{0},
                                         std::vector<int64_t>{1},
                                         std::vector<int64_t>{2},
                                         std::vector<int64_t>{97},
                                         std::vector<int64_t>{192},
                                         std::vector<int64_t>{257},
                                         std::vector<int64_t>{661},
                                         std::vector<int64_t>{0, 5, 0, 97, 0, 298, 0},
                                         std::vector<int64_t>{31, 32, 33, 1, 2}));

TEST(OffsetAttentionGradient, OneTensorForQueriesAndKeysGetsBothGradients) {
  const AttentionInput input = random_input({203}, 5, 7);
  const at::Tensor shared = input.q.clone().requires_grad_();
  offset_attention(shared, shared, input.v, input.offsets).backward(input.grad);
  const auto apart =
      run_attention(offset_attention, {input.q, input.q, input.v, input.grad, input.offsets});
  EXPECT_LT(max_difference(shared.grad(), apart[1] + apart[2]), 1e-13);
}

struct Extreme {
  const char* name;
  void (*set)(AttentionInput&);
};

void PrintTo(const Extreme& extreme, std::ostream* to) { *to << extreme.name; }

class OffsetAttentionGradientExtremes : public testing::TestWithParam<Extreme> {};

TEST_P(OffsetAttentionGradientExtremes, EqualAutogradOfTheEagerForm) {
  AttentionInput input = random_input({150}, 4, 5);
  GetParam().set(input);
  const AttentionInput narrow = input.to(at::kFloat);
  const auto exact = run_attention(reference::eager_offset_attention, narrow.to(at::kDouble));
  const auto eager = run_attention(reference::eager_offset_attention, narrow);
  const auto wide = run_attention(offset_attention, narrow.to(at::kDouble));
  const auto ours = run_attention(offset_attention, narrow);
  for (size_t i = 0; i < exact.size(); ++i) {
    EXPECT_LE(max_difference(wide[i], exact[i]), 1e-10 * size_of(exact[i])) << kResults[i];
    EXPECT_LE(max_difference(ours[i], exact[i]),
              2 * max_difference(eager[i], exact[i]) + 5e-5 * size_of(exact[i]))
        << kResults[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Extremes,
                         OffsetAttentionGradientExtremes,
                         testing::Values(Extreme{"ScoresOfTenThousand",
                                                 [](AttentionInput& input) {
                                                   input.q.copy_(at::randint(-50, 51, {150, 4}));
                                                   input.k.copy_(at::randint(-50, 51, {150, 4}));
                                                 }},
                                         Extreme{"EqualScores",
                                                 [](AttentionInput& input) {
                                                   input.q.fill_(50);  // 1e4 each
                                                   input.k.fill_(50);
                                                 }},
                                         Extreme{"OneKeyDominates",
                                                 [](AttentionInput& input) {
                                                   input.q.fill_(5);
                                                   input.k.mul_(0.1).sub_(2);
                                                   input.k[77].fill_(5);
                                                 }},
                                         Extreme{"NobodyAttendsToAKey", [](AttentionInput& input) {
                                                   input.q.abs_();
                                                   input.k[77].fill_(-100);
                                                   input.k[78].fill_(-9);
                                                 }}));

TEST(OffsetAttentionGradient, ExpandedAndStridedGradients) {
  const AttentionInput input = random_input({120}, 4, 6);
  AttentionInput other = input;
  other.grad = at::full({1, 1}, 0.5, at::kDouble).expand({120, 6});
  AttentionInput plain = input;
  plain.grad = other.grad.contiguous();
  const auto a = run_attention(offset_attention, other);
  const auto b = run_attention(offset_attention, plain);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i], b[i])) << kResults[i];
}

TEST(OffsetAttentionGradient, OnlyWhereItIsAsked) {
  const AttentionInput input = random_input({50}, 4, 6);
  const at::Tensor v = input.v.clone().requires_grad_();
  {
    const at::NoGradGuard guard;
    EXPECT_FALSE(offset_attention(input.q, input.k, v, input.offsets).requires_grad());
  }
  const at::Tensor out = offset_attention(input.q, input.k, v, input.offsets);
  out.backward(input.grad);
  EXPECT_LT(max_difference(v.grad(), run_attention(offset_attention, input)[3]), 1e-15);
  EXPECT_FALSE(offset_attention(input.q, input.k, input.v, input.offsets).requires_grad());
}

TEST(OffsetAttentionGradient, SecondDerivativesAreRefused) {
  const AttentionInput input = random_input({10}, 4, 6);
  const at::Tensor v = input.v.clone().requires_grad_();
  const at::Tensor out = offset_attention(input.q, input.k, v, input.offsets);
  EXPECT_THROW(torch::autograd::grad({out}, {v}, {input.grad}, true, true),
               c10::NotImplementedError);
}

}  // namespace
}  // namespace pointattn
