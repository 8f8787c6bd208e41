// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention.h"

#include "tests/ops/attention/attention_cases.h"
#include "tests/reference/attention.h"

namespace pointattn {
namespace {

using ops::attention;
using test::value_error;

const AttentionSize kSizes[] = {
    {{0}, {0}, 1, 5, 7},
    {{3}, {0}, 2, 5, 7},
    {{0}, {3}, 2, 5, 7},
    {{1}, {1}, 1, 1, 1},
    {{2}, {3}, 3, 4, 2},
    {{13}, {97}, 2, 8, 5},
    {{97}, {13}, 3, 5, 8},
    {{96}, {192}, 1, 32, 64},
    {{193}, {389}, 4, 32, 64},
    {{257}, {61}, 2, 33, 31},
    {{1}, {661}, 4, 16, 3},
    {{331}, {331}, 1, 64, 129},
    {{0, 5, 0, 97, 30, 0}, {4, 0, 0, 298, 1, 7}, 2, 5, 7},
    {{31, 32, 33, 1, 2}, {1, 2, 31, 32, 33}, 3, 16, 40},
    {{5, 4}, {4, 5}, 2, 0, 3},
    {{5, 4}, {4, 5}, 2, 3, 0},
    {{5, 4}, {4, 5}, 0, 3, 2},
};

class AttentionValues
    : public testing::TestWithParam<std::tuple<c10::DeviceType, AttentionSize, Bias>> {};

TEST_P(AttentionValues, EqualTheDefinition) {
  const auto& [device, size, bias] = GetParam();
  POINTATTN_NEED_DEVICE(device);
  const AttentionCase input = random_case(size, bias);
  const at::Tensor expected = input(reference::attention);
  const at::Tensor wide = input.to(device)(attention);
  ASSERT_EQ(wide.sizes(), expected.sizes());
  EXPECT_EQ(wide.scalar_type(), at::kDouble);
  EXPECT_TRUE(wide.is_contiguous());
  EXPECT_LT(max_difference(wide, expected), 1e-12);

  const AttentionCase narrow = input.to(at::kFloat);
  const at::Tensor exact = narrow(reference::attention);
  const at::Tensor ours = narrow.to(device)(attention);
  EXPECT_EQ(ours.scalar_type(), at::kFloat);
  EXPECT_LE(max_difference(ours, exact),
            2 * max_difference(narrow(reference::eager_attention), exact) + 1e-6);
}

INSTANTIATE_TEST_SUITE_P(
    Sizes,
    AttentionValues,
    testing::Combine(testing::ValuesIn(test::kDevices),
                     testing::ValuesIn(kSizes),
                     testing::Values(Bias::kNone, Bias::kFinite, Bias::kMasks)));

/// The cases below run on each device, in float and double.
class Attention : public test::OpTest {
 protected:
  AttentionCase on_device(const AttentionCase& input) const { return input.to(options()); }
  double tolerance() const { return dtype() == at::kFloat ? 2e-6 : 1e-12; }
};
POINTATTN_INSTANTIATE_OP_TEST(Attention);

TEST_P(Attention, ACloudAttendsToItsOwnKeysAlone) {
  const AttentionCase input =
      on_device(random_case({{33, 200, 7}, {50, 0, 211}, 2, 5, 7}, Bias::kFinite));
  AttentionCase alone = input;
  alone.q = input.q.slice(0, 233, 240);
  alone.k = input.k.slice(0, 50, 261);
  alone.v = input.v.slice(0, 50, 261);
  alone.bias = input.bias->slice(0, 50, 261);
  alone.query_offsets = starts_of({7});
  alone.key_offsets = starts_of({211});
  const at::Tensor together = input(attention);
  EXPECT_TRUE(at::equal(together.slice(0, 233, 240), alone(attention)));
  EXPECT_EQ(together.slice(0, 33, 233).abs().max().item<double>(), 0) << "a cloud without keys";
}

TEST_P(Attention, EmptyBatch) {
  const AttentionCase input = on_device(random_case({{}, {}, 2, 5, 7}, Bias::kNone));
  EXPECT_EQ(input(attention).sizes(), at::IntArrayRef({0, 2, 7}));
}

TEST_P(Attention, AnyStrides) {
  const AttentionCase input = on_device(random_case({{150, 60}, {99, 101}, 3, 6, 9}, Bias::kMasks));
  AttentionCase other = input;
  other.q = strided(input.q);
  other.k = strided(input.k);
  other.v = strided(input.v);
  other.bias = strided(*input.bias);
  ASSERT_FALSE(other.q.is_contiguous());
  EXPECT_TRUE(at::equal(other(attention), input(attention)));
}

TEST_P(Attention, SlicesOfOneProjection) {
  AttentionCase input = on_device(random_case({{150}, {150}, 2, 6, 6}, Bias::kNone));
  const at::Tensor joined = at::cat({input.q, input.k, input.v}, 2);  // [N,H,3D]
  AttentionCase views = input;
  views.q = joined.slice(2, 0, 6);
  views.k = joined.slice(2, 6, 12);
  views.v = joined.slice(2, 12, 18);
  EXPECT_TRUE(at::equal(views(attention), input(attention)));
}

TEST_P(Attention, TheSameAsLibTorchs) {
  const AttentionCase input = on_device(random_case({{229}, {229}, 4, 32, 32}, Bias::kFinite));
  const auto heads_first = [](const at::Tensor& t) { return t.transpose(0, 1).unsqueeze(0); };
  const at::Tensor theirs =
      at::scaled_dot_product_attention(heads_first(input.q),
                                       heads_first(input.k),
                                       heads_first(input.v),
                                       input.bias->t().unsqueeze(0).unsqueeze(2),
                                       0.0,
                                       false,
                                       input.scale);
  EXPECT_LT(max_difference(input(attention), theirs[0].transpose(0, 1)), 3 * tolerance());
}

TEST_P(Attention, EqualScoresAverageTheValues) {
  AttentionCase input = on_device(random_case({{113}, {205}, 2, 4, 3}, Bias::kNone));
  input.q.fill_(50);
  input.k.fill_(50);
  input.scale = 1;  // every score is 1e4
  EXPECT_LT(max_difference(input(attention), input.v.mean(0, true).expand({113, 2, 3})),
            tolerance());
}

TEST_P(Attention, ScoresOfTenThousand) {
  AttentionCase input = random_case({{113}, {230}, 2, 4, 3}, Bias::kMasks);
  input.q.copy_(at::randint(-50, 51, input.q.sizes()));
  input.k.copy_(at::randint(-50, 51, input.k.sizes()));
  input.bias->round_();
  input.scale = 1;
  const AttentionCase ours = on_device(input);
  EXPECT_LT(max_difference(ours(attention), ours(reference::attention)), tolerance());
}

TEST_P(Attention, ADominatingKeyTakesAll) {
  AttentionCase input = on_device(random_case({{113}, {1201}, 2, 1, 3}, Bias::kNone));
  input.q.fill_(100);
  input.k.fill_(-100);
  input.k[1077] = 100;  // after many tiles of keys that are 2e4 lower
  input.scale = 1;
  const at::Tensor out = input(attention);
  EXPECT_TRUE(at::equal(out, input.v[1077].expand_as(out)));
}

TEST_P(Attention, MaskedKeysAreNotThere) {
  AttentionCase input = on_device(random_case({{113}, {400}, 2, 5, 3}, Bias::kFinite));
  const at::Tensor kept =
      at::cat({at::arange(0, 390, 3), at::tensor({391, 399})}).to(input.q.device());
  at::Tensor mask = at::full({400, 1}, -std::numeric_limits<double>::infinity(), input.q.options());
  mask.index_fill_(0, kept, 0);
  AttentionCase fewer = input;
  fewer.k = input.k.index({kept});
  fewer.v = input.v.index({kept});
  fewer.bias = input.bias->index({kept});
  fewer.key_offsets = starts_of({kept.numel()});
  input.bias = *input.bias + mask;
  EXPECT_LT(max_difference(input(attention), fewer(attention)), tolerance());
}

TEST_P(Attention, MaskedKeysAloneGiveZeros) {
  AttentionCase input = on_device(random_case({{7, 5}, {300, 4}, 2, 5, 3}, Bias::kFinite));
  input.bias->slice(0, 0, 300).select(1, 1).fill_(-std::numeric_limits<double>::infinity());
  const auto results = run_attention(attention, input);
  for (const at::Tensor& result : results) EXPECT_TRUE(at::isfinite(result).all().item<bool>());
  const at::Tensor& out = results[0];
  EXPECT_EQ(out.slice(0, 0, 7).select(1, 1).abs().max().item<double>(), 0);
  EXPECT_EQ(results[3].slice(0, 0, 300).select(1, 1).abs().max().item<double>(), 0) << "grad v";
  EXPECT_GT(out.slice(0, 0, 7).select(1, 0).abs().max().item<double>(), 0);
  EXPECT_LT(max_difference(out, input(reference::attention)), tolerance());
}

TEST_P(Attention, NotANumberStaysVisible) {
  AttentionCase input = on_device(random_case({{30, 20}, {40, 20}, 2, 3, 2}, Bias::kNone));
  input.k[4][1][0] = std::numeric_limits<double>::quiet_NaN();
  const at::Tensor out = input(attention);
  EXPECT_TRUE(at::isnan(out.slice(0, 0, 30).select(1, 1)).all().item<bool>());
  EXPECT_TRUE(at::isfinite(out.slice(0, 0, 30).select(1, 0)).all().item<bool>());
  EXPECT_TRUE(at::isfinite(out.slice(0, 30, 50)).all().item<bool>());
}

TEST_P(Attention, SameBitsForEveryNumberOfThreads) {
  const AttentionCase input =
      on_device(random_case({{500, 3, 0, 250, 97}, {97, 250, 3, 0, 700}, 2, 16, 40}, Bias::kMasks));
  for (size_t i = 0; i < 5; ++i) {
    const auto results =
        test::for_thread_counts([&] { return run_attention(attention, input)[i]; });
    for (const at::Tensor& result : results) {
      EXPECT_TRUE(at::equal(result, results[0])) << "result " << i;
    }
  }
}

TEST(AttentionMeta, TensorsWithoutDataGiveTheShape) {
  const auto meta = [](at::IntArrayRef sizes, at::ScalarType type = at::kFloat) {
    return at::empty(sizes, at::device(at::kMeta).dtype(type));
  };
  const at::Tensor starts = meta({3}, at::kLong);
  const at::Tensor out = attention(
      meta({9, 2, 4}), meta({5, 2, 4}), meta({5, 2, 6}), starts, starts, meta({5, 2}), 0.5);
  EXPECT_EQ(out.sizes(), at::IntArrayRef({9, 2, 6}));
  EXPECT_TRUE(out.is_meta());
}

TEST(AttentionInputs, WrongOnesSayWhatWasExpected) {
  AttentionCase good;
  good.q = at::zeros({4, 2, 3});
  good.k = at::zeros({5, 2, 3});
  good.v = at::zeros({5, 2, 6});
  good.query_offsets = starts_of({4});
  good.key_offsets = starts_of({5});
  const auto message = [&](const std::function<void(AttentionCase&)>& change) {
    AttentionCase bad = good;
    change(bad);
    return value_error([&] { bad(attention); });
  };
  EXPECT_EQ(message([](AttentionCase&) {}), "no error");
  EXPECT_EQ(message([](AttentionCase& a) {
              a.q = at::zeros({4, 3});
            }),
            "attention: expected q [M,H,D], got [4,3]");
  EXPECT_EQ(message([](AttentionCase& a) {
              a.k = at::zeros({5, 1, 3});
            }),
            "attention: expected k [N,H,D] with H=2, D=3, got [5,1,3]");
  EXPECT_EQ(message([](AttentionCase& a) {
              a.v = at::zeros({4, 2, 6});
            }),
            "attention: expected v [N,H,C] with N=5, H=2, got [4,2,6]");
  EXPECT_EQ(message([](AttentionCase& a) {
              a.bias = at::zeros({5, 1});
            }),
            "attention: expected bias [N,H] with N=5, H=2, got [5,1]");
  EXPECT_EQ(message([](AttentionCase& a) {
              a.bias = at::zeros({5, 2}, at::kDouble);
            }),
            "attention: expected bias of dtype float as q, got double");
  EXPECT_EQ(message([](AttentionCase& a) { a.v = a.v.to(at::kDouble); }),
            "attention: expected v of dtype float as q, got double");
  EXPECT_EQ(message([](AttentionCase& a) { a.q = a.q.to(at::kInt); }),
            "attention: expected q of dtype float, double, half or bfloat16, got int");
  EXPECT_EQ(message([](AttentionCase& a) { a.k = a.k.to(at::kMeta); }),
            "attention: expected k on cpu as q, got meta");
  EXPECT_EQ(message([](AttentionCase& a) {
              a.key_offsets = starts_of({2, 3});
            }),
            "attention: expected key_offsets [B+1] with B+1=2, got [3]");
  EXPECT_EQ(message([](AttentionCase& a) { a.key_offsets = starts_of({4}); }),
            "attention: expected key_offsets to end with the number of rows 5, got 4");
  EXPECT_EQ(message([](AttentionCase& a) {
              a.query_offsets = at::tensor({1, 4}, at::kLong);
            }),
            "attention: expected query_offsets to start with 0, got 1");
  EXPECT_EQ(message([](AttentionCase& a) { a.query_offsets = a.query_offsets.to(at::kInt); }),
            "attention: expected int64 query_offsets [B+1], got int [2]");
}

}  // namespace
}  // namespace pointattn
