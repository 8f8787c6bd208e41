// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/offset_attention.h"

#include "tests/ops/attention/offset_attention_cases.h"
#include "tests/reference/offset_attention.h"

#include <gtest/gtest.h>

#include <limits>

namespace pointattn {
namespace {

using ops::offset_attention;

struct Size {
  std::vector<int64_t> counts;
  int64_t depth, width;
};

void PrintTo(const Size& size, std::ostream* to) {
  for (const int64_t count : size.counts) *to << count << '_';
  *to << "D" << size.depth << "_C" << size.width;
}

class OffsetAttentionSizes : public testing::TestWithParam<Size> {};

TEST_P(OffsetAttentionSizes, EqualsTheDefinition) {
  const auto& [counts, depth, width] = GetParam();
  const AttentionInput input = random_input(counts, depth, width);
  const at::Tensor expected = reference::offset_attention(input.q, input.k, input.v, input.offsets);
  const at::Tensor wide = offset_attention(input.q, input.k, input.v, input.offsets);
  ASSERT_EQ(wide.sizes(), expected.sizes());
  EXPECT_EQ(wide.scalar_type(), at::kDouble);
  EXPECT_LT(max_difference(wide, expected), 1e-12);

  const AttentionInput narrow = input.to(at::kFloat);
  const at::Tensor exact =
      reference::offset_attention(narrow.q, narrow.k, narrow.v, narrow.offsets);
  const at::Tensor eager =
      reference::eager_offset_attention(narrow.q, narrow.k, narrow.v, narrow.offsets);
  const at::Tensor ours = offset_attention(narrow.q, narrow.k, narrow.v, narrow.offsets);
  EXPECT_EQ(ours.scalar_type(), at::kFloat);
  EXPECT_LE(max_difference(ours, exact), 2 * max_difference(eager, exact) + 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Sizes,
                         OffsetAttentionSizes,
                         testing::Values(Size{{0}, 5, 7},
                                         Size{{1}, 5, 7},
                                         Size{{2}, 1, 1},
                                         Size{{13}, 32, 128},
                                         Size{{95}, 5, 7},
                                         Size{{96}, 32, 64},
                                         Size{{97}, 33, 31},
                                         Size{{191}, 8, 33},
                                         Size{{192}, 64, 16},
                                         Size{{193}, 3, 129},
                                         Size{{257}, 5, 7},
                                         Size{{389}, 32, 128},
                                         Size{{0, 5, 0, 97, 0, 298, 0}, 5, 7},
                                         Size{{31, 32, 33, 1, 2}, 16, 40},
                                         Size{{5, 4}, 0, 3},
                                         Size{{5, 4}, 3, 0}));

TEST(OffsetAttention, ACloudAttendsToItselfAlone) {
  const AttentionInput input = random_input({0, 33, 200, 1, 0}, 5, 7);
  const at::Tensor together = offset_attention(input.q, input.k, input.v, input.offsets);
  const auto rows = [](const at::Tensor& t) { return t.slice(0, 33, 233); };
  const at::Tensor offsets = at::tensor({0, 200}, at::kLong);
  const at::Tensor alone = offset_attention(rows(input.q), rows(input.k), rows(input.v), offsets);
  EXPECT_TRUE(at::equal(rows(together), alone));
}

TEST(OffsetAttention, EmptyBatch) {
  const at::Tensor out = offset_attention(
      at::zeros({0, 4}), at::zeros({0, 4}), at::zeros({0, 6}), at::tensor({0}, at::kLong));
  EXPECT_EQ(out.sizes(), at::IntArrayRef({0, 6}));
}

TEST(OffsetAttention, NonContiguousInputs) {
  const AttentionInput input = random_input({150, 60}, 6, 9);
  const AttentionInput other{strided(input.q),
                             strided(input.k),
                             strided(input.v),
                             strided(input.grad),
                             at::stack({input.offsets, input.offsets}, 1).select(1, 0)};
  ASSERT_FALSE(other.q.is_contiguous());
  EXPECT_TRUE(at::equal(offset_attention(other.q, other.k, other.v, other.offsets),
                        offset_attention(input.q, input.k, input.v, input.offsets)));
}

TEST(OffsetAttention, ResultMovesWithTheOrderOfPoints) {
  const AttentionInput input = random_input({130}, 5, 7);
  const at::Tensor order = at::randperm(130, at::kLong);
  const at::Tensor moved = offset_attention(
      input.q.index({order}), input.k.index({order}), input.v.index({order}), input.offsets);
  const at::Tensor out = offset_attention(input.q, input.k, input.v, input.offsets);
  EXPECT_LT(max_difference(moved, out.index({order})), 1e-13);
}

TEST(OffsetAttention, EqualScoresAverageTheValues) {
  const at::Tensor same = at::full({205, 1}, 100.0F);  // every score is 1e4
  const at::Tensor v = at::arange(205, at::kFloat).unsqueeze(1);
  const at::Tensor out = offset_attention(same, same, v, at::tensor({0, 205}, at::kLong));
  EXPECT_LT(max_difference(out, at::full({205, 1}, 102.0)), 1e-4);
}

TEST(OffsetAttention, ColumnSumsNearTheEpsilon) {
  // One key is less wanted by factors from 1e-12 to 1e-5 in all: where its share of the map is
  // 1e-9, the epsilon halves what it gives.
  const int64_t count = 64;
  for (const double share : {1e-12, 1e-9, 1e-5}) {
    AttentionInput input = random_input({count}, 1, 3);
    input.q.fill_(1);
    input.k.zero_();
    input.k[7] = std::log(share);
    const double sum =
        static_cast<double>(count) * share / (static_cast<double>(count - 1) + share);
    const at::Tensor out = offset_attention(input.q, input.k, input.v, input.offsets);
    const at::Tensor expected = input.v.mean(0) * (sum / (1e-9 + sum));
    EXPECT_LT(max_difference(out[7], expected), 1e-12) << share;
    const AttentionInput narrow = input.to(at::kFloat);
    EXPECT_LT(
        max_difference(offset_attention(narrow.q, narrow.k, narrow.v, narrow.offsets)[7], expected),
        1e-6)
        << share;
  }
}

/// Scores that a float holds exactly, from -1e4 to 1e4, so that the float64 reference sees the same
/// ones.
AttentionInput extreme_input() {
  AttentionInput input = random_input({230}, 4, 5);
  at::manual_seed(3);
  input.q = at::randint(-50, 51, {230, 4}).to(at::kDouble);
  input.k = at::randint(-50, 51, {230, 4}).to(at::kDouble);
  return input;
}

TEST(OffsetAttention, ExtremeScores) {
  const AttentionInput input = extreme_input().to(at::kFloat);
  const at::Tensor scores = at::matmul(input.q, input.k.t());
  ASSERT_GT(scores.max().item<float>(), 5e3F);
  ASSERT_LT(scores.min().item<float>(), -5e3F);
  const at::Tensor exact = reference::offset_attention(input.q, input.k, input.v, input.offsets);
  const at::Tensor eager =
      reference::eager_offset_attention(input.q, input.k, input.v, input.offsets);
  const at::Tensor ours = offset_attention(input.q, input.k, input.v, input.offsets);
  EXPECT_LE(max_difference(ours, exact), 2 * max_difference(eager, exact) + 1e-6);
}

TEST(OffsetAttention, ADominatingKeyTakesAllAndTheOthersGiveZero) {
  const int64_t count = 201;
  at::Tensor q = at::full({count, 1}, 100.0F);
  at::Tensor k = at::full({count, 1}, -100.0F);
  k[77] = 100.0F;
  const at::Tensor v = at::randn({count, 3});
  AttentionInput input{q, k, v, at::randn({count, 3}), at::tensor({int64_t{0}, count}, at::kLong)};
  const auto results = run_attention(offset_attention, input);
  for (const at::Tensor& result : results) EXPECT_TRUE(at::isfinite(result).all().item<bool>());
  EXPECT_LT(max_difference(results[0][77], v.mean(0)), 1e-6);
  at::Tensor others = results[0].clone();
  others[77].zero_();
  EXPECT_EQ(others.abs().max().item<float>(), 0);
}

TEST(OffsetAttention, NotANumberStaysVisible) {
  AttentionInput input = random_input({100, 20}, 3, 2).to(at::kFloat);
  input.q[4][1] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor out = offset_attention(input.q, input.k, input.v, input.offsets);
  EXPECT_TRUE(at::isnan(out.slice(0, 0, 100)).all().item<bool>());
  EXPECT_TRUE(at::isfinite(out.slice(0, 100, 120)).all().item<bool>());
}

TEST(OffsetAttention, SameBitsForEveryNumberOfThreads) {
  const AttentionInput input = random_input({700, 3, 0, 250, 97}, 32, 40).to(at::kFloat);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = run_attention(offset_attention, input);
  for (const int threads : {2, 3, 7}) {
    at::set_num_threads(threads);
    const auto many = run_attention(offset_attention, input);
    for (size_t i = 0; i < one.size(); ++i)
      EXPECT_TRUE(at::equal(one[i], many[i])) << threads << " threads, result " << i;
  }
  at::set_num_threads(before);
}

TEST(OffsetAttention, MetaTensorsGiveTheShape) {
  const auto meta = [](int64_t columns) {
    return at::empty({9, columns}, at::device(at::kMeta).dtype(at::kFloat));
  };
  const at::Tensor out = offset_attention(
      meta(4), meta(4), meta(6), at::empty({3}, at::device(at::kMeta).dtype(at::kLong)));
  EXPECT_EQ(out.sizes(), at::IntArrayRef({9, 6}));
  EXPECT_TRUE(out.is_meta());
}

TEST(OffsetAttention, WrongInputsSayWhatWasExpected) {
  const at::Tensor q = at::zeros({4, 2});
  const at::Tensor v = at::zeros({4, 3});
  const auto starts = [](std::vector<int64_t> values) { return at::tensor(values, at::kLong); };
  const at::Tensor offsets = starts({0, 4});
  const auto message =
      [](const at::Tensor& a, const at::Tensor& b, const at::Tensor& c, const at::Tensor& o) {
        return test::value_error([&] { offset_attention(a, b, c, o); });
      };
  EXPECT_EQ(message(at::zeros({4}), q, v, offsets), "offset_attention: expected q [N,D], got [4]");
  EXPECT_EQ(message(q, at::zeros({4, 3}), v, offsets),
            "offset_attention: expected k [N,D] with N=4, D=2, got [4,3]");
  EXPECT_EQ(message(q, q, at::zeros({5, 3}), offsets),
            "offset_attention: expected v [N,C] with N=4, got [5,3]");
  EXPECT_EQ(message(q, q, v.to(at::kDouble), offsets),
            "offset_attention: expected v of dtype float as q, got double");
  EXPECT_EQ(message(q.to(at::kHalf), q, v, offsets),
            "offset_attention: expected k of dtype c10::Half as q, got float");
  EXPECT_EQ(message(q.to(at::kInt), q, v, offsets),
            "offset_attention: expected q of dtype float, double, half or bfloat16, got int");
  EXPECT_EQ(message(q, q, v, starts({0, 3})),
            "offset_attention: expected offsets to end with the number of rows 4, got 3");
  EXPECT_EQ(message(q, q, v, starts({0, 3, 2, 4})),
            "offset_attention: expected rising offsets, got 3 before 2");
  EXPECT_EQ(message(q, q, v, starts({1, 4})),
            "offset_attention: expected offsets to start with 0, got 1");
  EXPECT_EQ(message(q, q, v, offsets.to(at::kInt)),
            "offset_attention: expected int64 offsets [B+1], got int [2]");
}

}  // namespace
}  // namespace pointattn
