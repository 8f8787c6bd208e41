// SPDX-License-Identifier: Apache-2.0
// One tensor as queries and keys, as PCT has it: the CPU visits each pair of points once.
#include "pointattn/ops/offset_attention.h"
#include "tests/ops/attention/offset_attention_cases.h"
#include "tests/reference/offset_attention.h"

#include <gtest/gtest.h>

#include <limits>

namespace pointattn {
namespace {

using ops::offset_attention;

const char* const kResults[] = {"out", "grad q", "grad v"};

/// Forward and backward against eager autograd: float64 within `wide`, float no worse than eager
/// float by a factor of two, apart from `narrow` of each result's size.
void expect_eager(const AttentionInput& input, double wide, double narrow) {
  const auto exact = run_shared(reference::eager_offset_attention, input.to(at::kDouble));
  const auto ours = run_shared(offset_attention, input.to(at::kDouble));
  const auto single = run_shared(offset_attention, input.to(at::kFloat));
  const auto eager = run_shared(reference::eager_offset_attention, input.to(at::kFloat));
  for (size_t i = 0; i < exact.size(); ++i) {
    ASSERT_EQ(ours[i].sizes(), exact[i].sizes());
    EXPECT_LE(max_difference(ours[i], exact[i]), wide * size_of(exact[i])) << kResults[i];
    EXPECT_LE(max_difference(single[i], exact[i]),
              2 * max_difference(eager[i], exact[i]) + narrow * size_of(exact[i]))
        << kResults[i];
  }
}

/// Input whose float64 numbers float holds too.
AttentionInput float_input(const std::vector<int64_t>& counts,
                           int64_t depth,
                           int64_t width,
                           double spread = 2) {
  return random_input(counts, depth, width, spread).to(at::kFloat);
}

class SharedOffsetAttentionSizes : public testing::TestWithParam<std::vector<int64_t>> {};

TEST_P(SharedOffsetAttentionSizes, EqualAutogradOfTheEagerForm) {
  for (const auto& [depth, width] :
       {std::pair<int64_t, int64_t>{5, 7}, {32, 128}, {33, 31}, {3, 200}}) {
    expect_eager(float_input(GetParam(), depth, width), 1e-12, 2e-6);
  }
}

TEST_P(SharedOffsetAttentionSizes, OutputEqualsTheDefinition) {
  const AttentionInput input = random_input(GetParam(), 8, 33);
  const at::Tensor expected = reference::offset_attention(input.q, input.q, input.v, input.offsets);
  EXPECT_LT(max_difference(offset_attention(input.q, input.q, input.v, input.offsets), expected),
            1e-12);
}

INSTANTIATE_TEST_SUITE_P(Sizes,
                         SharedOffsetAttentionSizes,
                         testing::Values(std::vector<int64_t>{0},
                                         std::vector<int64_t>{1},
                                         std::vector<int64_t>{2},
                                         std::vector<int64_t>{95},
                                         std::vector<int64_t>{96},
                                         std::vector<int64_t>{97},
                                         std::vector<int64_t>{192},
                                         std::vector<int64_t>{193},
                                         std::vector<int64_t>{389},
                                         std::vector<int64_t>{661},
                                         std::vector<int64_t>{0, 5, 0, 97, 0, 298, 0},
                                         std::vector<int64_t>{31, 32, 33, 1, 2}));

TEST(SharedOffsetAttention, NoColumns) {
  expect_eager(float_input({5, 4}, 0, 3), 1e-12, 2e-6);
  expect_eager(float_input({5, 4}, 3, 0), 1e-12, 2e-6);
}

TEST(SharedOffsetAttention, ManyBlocksOfAFewTiles) {
  // More than 64 tiles: blocks of several, tiles of columns that end within one.
  const AttentionInput input = float_input({6500}, 4, 3);
  const auto ours = run_shared(offset_attention, input);
  const auto eager = run_shared(reference::eager_offset_attention, input.to(at::kDouble));
  for (size_t i = 0; i < ours.size(); ++i) {
    EXPECT_LT(max_difference(ours[i], eager[i]), 2e-5 * size_of(eager[i])) << kResults[i];
  }
}

TEST(SharedOffsetAttention, GradientsEqualFiniteDifferences) {
  const AttentionInput input = random_input({7, 0, 11, 1}, 3, 2);
  const auto results = run_shared(offset_attention, input);
  const auto loss = [&] {
    return (offset_attention(input.q, input.q, input.v, input.offsets) * input.grad).sum();
  };
  EXPECT_LT(max_difference(results[1], finite_differences(input.q, loss)), 1e-7);
  EXPECT_LT(max_difference(results[2], finite_differences(input.v, loss)), 1e-7);
}

/// Points whose half squared lengths go from 0 to `spread`.
AttentionInput input_of_spread(double spread) {
  AttentionInput input = random_input({150}, 4, 5);
  const at::Tensor lengths = at::linspace(0, std::sqrt(2 * spread), 150, at::kDouble).unsqueeze(1);
  input.q = input.q / input.q.norm(2, 1, true) * lengths;
  return input.to(at::kFloat);
}

/// On both sides of the spread up to which the symmetric form is taken (60 for float).
TEST(SharedOffsetAttention, PointsOfVeryDifferentLength) {
  for (const double spread : {1.0, 20.0, 59.0, 61.0, 300.0, 5000.0}) {
    SCOPED_TRACE(spread);
    expect_eager(input_of_spread(spread), 1e-10, 2e-5);
  }
}

TEST(SharedOffsetAttention, ScoresOfTenThousand) {
  AttentionInput input = random_input({150}, 4, 5);
  input.q.fill_(50);  // all equal
  expect_eager(input, 1e-10, 5e-5);
  at::manual_seed(3);
  input.q = at::randint(-50, 51, {150, 4}).to(at::kDouble);
  expect_eager(input, 1e-10, 5e-5);
}

TEST(SharedOffsetAttention, AKeyThatNobodyAttendsTo) {
  // A short vector among long ones that point away: its column of the map is far below the epsilon.
  AttentionInput input = random_input({150}, 4, 5);
  input.q.abs_().add_(1);
  input.q[77].fill_(-3);
  expect_eager(input.to(at::kFloat), 1e-10, 2e-5);
}

TEST(SharedOffsetAttention, EveryCloudIsComputedAsIfAlone) {
  // Of all kinds: within the spread, beyond it, with a NaN.
  AttentionInput input = float_input({120, 40, 100, 0, 97}, 4, 6);
  input.q.slice(0, 120, 125).mul_(30);
  input.q[170][1] = std::numeric_limits<float>::quiet_NaN();
  const auto together = run_shared(offset_attention, input);
  const at::Tensor starts = input.offsets;
  for (int64_t b = 0; b < 5; ++b) {
    const int64_t begin = starts[b].item<int64_t>(), end = starts[b + 1].item<int64_t>();
    const auto rows = [&](const at::Tensor& t) { return t.slice(0, begin, end); };
    const auto alone = run_shared(offset_attention,
                                  {rows(input.q),
                                   rows(input.q),
                                   rows(input.v),
                                   rows(input.grad),
                                   at::tensor({int64_t{0}, end - begin}, at::kLong)});
    for (size_t i = 0; i < alone.size(); ++i) {
      if (b == 2) {
        EXPECT_TRUE(at::isnan(rows(together[i])).any().item<bool>()) << kResults[i];
      } else if (b != 1 || i == 0) {
        EXPECT_TRUE(at::equal(rows(together[i]), alone[i])) << kResults[i] << " of cloud " << b;
      } else {  // the gradients of the general form depend on the batch in their last bits
        EXPECT_LT(max_difference(rows(together[i]), alone[i]), 1e-5 * size_of(alone[i]));
      }
    }
  }
}

TEST(SharedOffsetAttention, OneStorageUnderTwoNamesGetsTheGradientOfEach) {
  const AttentionInput input = random_input({130}, 5, 7);
  const auto apart =
      run_attention(offset_attention, {input.q, input.q, input.v, input.grad, input.offsets});
  const at::Tensor q = input.q.clone().requires_grad_();
  offset_attention(q, q.detach(), input.v, input.offsets).backward(input.grad);
  EXPECT_LT(max_difference(q.grad(), apart[1]), 1e-13);
  const at::Tensor k = input.q.clone().requires_grad_();
  offset_attention(k.detach(), k, input.v, input.offsets).backward(input.grad);
  EXPECT_LT(max_difference(k.grad(), apart[2]), 1e-13);
}

TEST(SharedOffsetAttention, StridedInputs) {
  const AttentionInput input = float_input({150, 60}, 6, 9);
  AttentionInput other = input;
  other.q = strided(input.q);
  other.v = strided(input.v);
  other.grad = strided(input.grad);
  const auto run = [](const AttentionInput& of) {  // no clone, which would make them dense
    const at::Tensor q = of.q.detach().requires_grad_(), v = of.v.detach().requires_grad_();
    const at::Tensor out = offset_attention(q, q, v, of.offsets);
    const auto grads = torch::autograd::grad({out}, {q, v}, {of.grad});
    return std::vector<at::Tensor>{out.detach(), grads[0], grads[1]};
  };
  ASSERT_FALSE(other.q.is_contiguous());
  const auto a = run(input), b = run(other);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i], b[i])) << kResults[i];
}

TEST(SharedOffsetAttention, SameBitsForEveryNumberOfThreads) {
  const AttentionInput input = float_input({700, 3, 0, 250, 97}, 32, 40);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = run_shared(offset_attention, input);
  for (const int threads : {2, 3, 7}) {
    at::set_num_threads(threads);
    const auto many = run_shared(offset_attention, input);
    for (size_t i = 0; i < one.size(); ++i)
      EXPECT_TRUE(at::equal(one[i], many[i])) << threads << " threads, " << kResults[i];
  }
  at::set_num_threads(before);
}

}  // namespace
}  // namespace pointattn
