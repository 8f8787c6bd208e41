// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/offset_attention.h"
#include "tests/ops/attention/offset_attention_cases.h"
#include "tests/reference/offset_attention.h"

#include <gtest/gtest.h>

namespace pointattn {
namespace {

using ops::offset_attention;

const char* const kResults[] = {"out", "grad q", "grad k", "grad v"};

/// What an absolute tolerance is relative to.
double size_of(const at::Tensor& tensor) {
  return tensor.numel() == 0 ? 1 : 1 + tensor.abs().max().item<double>();
}

/// Central differences of Σ out ∘ grad with respect to each element of `tensor`.
at::Tensor finite_differences(const AttentionInput& input, const at::Tensor& tensor) {
  const auto loss = [&] {
    return (offset_attention(input.q, input.k, input.v, input.offsets) * input.grad).sum();
  };
  const double step = 1e-6;
  at::Tensor result = at::empty_like(tensor);
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    at::Tensor element = tensor.view(-1)[i];
    const double value = element.item<double>();
    element.fill_(value + step);
    const double above = loss().item<double>();
    element.fill_(value - step);
    const double below = loss().item<double>();
    element.fill_(value);
    result.view(-1)[i] = (above - below) / (2 * step);
  }
  return result;
}

TEST(OffsetAttentionGradient, EqualsFiniteDifferences) {
  const AttentionInput input = random_input({7, 0, 11, 1}, 3, 2);
  const auto results = run_attention(offset_attention, input);
  EXPECT_LT(max_difference(results[1], finite_differences(input, input.q)), 1e-7);
  EXPECT_LT(max_difference(results[2], finite_differences(input, input.k)), 1e-7);
  EXPECT_LT(max_difference(results[3], finite_differences(input, input.v)), 1e-7);
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

TEST(OffsetAttentionGradient, ScoresOfTenThousand) {
  AttentionInput input = random_input({150}, 4, 5);
  input.q = at::randint(-50, 51, {150, 4}).to(at::kDouble);
  input.k = at::randint(-50, 51, {150, 4}).to(at::kDouble);
  const auto exact = run_attention(reference::eager_offset_attention, input);
  const auto eager = run_attention(reference::eager_offset_attention, input.to(at::kFloat));
  const auto ours = run_attention(offset_attention, input.to(at::kFloat));
  for (size_t i = 0; i < exact.size(); ++i) {
    EXPECT_LE(max_difference(ours[i], exact[i]),
              2 * max_difference(eager[i], exact[i]) + 5e-5 * size_of(exact[i]))
        << kResults[i];
  }
}

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
