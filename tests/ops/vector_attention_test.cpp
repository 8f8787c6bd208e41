// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/vector_attention.h"

#include "tests/ops/ops_test.h"

#include <cmath>

namespace pointattn::ops {
namespace {

using test::value_error;

struct Inputs {
  at::Tensor xyz, query, key, value, index;
  VectorAttentionWeights weights;
};

/// `points` points in `groups` groups of `share` channels; the last places of every third index row
/// are empty, so is all of row 1.
Inputs inputs(int64_t points, int64_t k, int64_t groups, int64_t share) {
  const auto f64 = at::dtype(at::kDouble);
  const int64_t c = groups * share;
  at::Tensor index = at::randint(0, points, {points, k}, at::kLong);
  for (int64_t i = 0; i < points; i += 3) index[i].narrow(0, k - k / 2, k / 2).fill_(-1);
  if (points > 1) index[1].fill_(-1);
  return {at::randn({points, 3}, f64),
          at::randn({points, c}, f64),
          at::randn({points, c}, f64),
          at::randn({points, c}, f64),
          index,
          {at::randn({3, 3}, f64),
           at::randn({3}, f64),
           at::randn({c, 3}, f64),
           at::randn({c}, f64),
           at::randn({c}, f64),
           at::randn({c}, f64),
           at::randn({groups, c}, f64) / std::sqrt(static_cast<double>(c)),
           at::randn({groups}, f64),
           at::randn({groups, groups}, f64) / std::sqrt(static_cast<double>(groups)),
           at::randn({groups}, f64)}};
}

using Row = std::vector<double>;

Row row_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous();
  const double* from = flat.const_data_ptr<double>();
  return {from, from + flat.numel()};
}

/// W x + b, without negative values when `relu`.
Row layer(const at::Tensor& weight, const at::Tensor& bias, const Row& x, bool relu) {
  const auto w = weight.accessor<double, 2>();
  Row out = row_of(bias);
  for (size_t r = 0; r < out.size(); ++r) {
    for (size_t c = 0; c < x.size(); ++c) {
      out[r] += w[static_cast<int64_t>(r)][static_cast<int64_t>(c)] * x[c];
    }
    if (relu) out[r] = std::max(out[r], 0.0);
  }
  return out;
}

/// The logits of a pair and what it adds, v_j + δ_ij.
std::pair<Row, Row> pair_of(const Inputs& in, int64_t i, int64_t j) {
  const VectorAttentionWeights& w = in.weights;
  const Row offset =
      layer(w.offset_weight,
            w.offset_bias,
            layer(w.position_weight, w.position_bias, row_of(in.xyz[j] - in.xyz[i]), true),
            false);
  const Row q = row_of(in.query[i]), k = row_of(in.key[j]), scale = row_of(w.scale),
            shift = row_of(w.shift);
  Row relation = q, value = row_of(in.value[j]);
  for (size_t c = 0; c < q.size(); ++c) {
    relation[c] = std::max(scale[c] * (k[c] - q[c] + offset[c]) + shift[c], 0.0);
    value[c] += offset[c];
  }
  const Row hidden = layer(w.hidden_weight, w.hidden_bias, relation, true);
  return {layer(w.logit_weight, w.logit_bias, hidden, false), value};
}

/// From the formula, number by number, in float64.
at::Tensor naive(const Inputs& in) {
  at::Tensor out = at::zeros_like(in.query);
  auto to = out.accessor<double, 2>();
  const auto index = in.index.accessor<int64_t, 2>();
  const auto groups = static_cast<size_t>(in.weights.logit_bias.size(0));
  for (int64_t i = 0; i < out.size(0); ++i) {
    Row total(groups, 0.0);
    for (int64_t k = 0; k < in.index.size(1); ++k) {
      if (index[i][k] < 0) continue;
      const auto [logits, value] = pair_of(in, i, index[i][k]);
      for (size_t g = 0; g < groups; ++g) total[g] += std::exp(logits[g]);
    }
    for (int64_t k = 0; k < in.index.size(1); ++k) {
      if (index[i][k] < 0) continue;
      const auto [logits, value] = pair_of(in, i, index[i][k]);
      for (size_t c = 0; c < value.size(); ++c) {
        to[i][static_cast<int64_t>(c)] +=
            std::exp(logits[c % groups]) / total[c % groups] * value[c];
      }
    }
  }
  return out;
}

Inputs moved(Inputs in, const at::TensorOptions& options) {
  VectorAttentionWeights& w = in.weights;
  for (at::Tensor* tensor : {&in.xyz,
                             &in.query,
                             &in.key,
                             &in.value,
                             &w.position_weight,
                             &w.position_bias,
                             &w.offset_weight,
                             &w.offset_bias,
                             &w.scale,
                             &w.shift,
                             &w.hidden_weight,
                             &w.hidden_bias,
                             &w.logit_weight,
                             &w.logit_bias}) {
    *tensor = tensor->to(options);
  }
  in.index = in.index.to(options.device());
  return in;
}

at::Tensor run(const Inputs& in) {
  return vector_attention(in.xyz, in.query, in.key, in.value, in.index, in.weights);
}

class VectorAttentionTest : public test::OpTest {
 protected:
  double tolerance() const { return dtype() == at::kFloat ? 2e-5 : 1e-12; }
  void expect_naive(const Inputs& in) const {
    const at::Tensor expected = naive(in);
    const at::Tensor got = run(moved(in, options())).cpu().to(at::kDouble);
    EXPECT_TRUE(at::allclose(got, expected, tolerance(), tolerance()))
        << "off by " << (got - expected).abs().max().item<double>() << " at " << in.query.sizes()
        << " with " << in.weights.logit_bias.size(0) << " weights and index " << in.index.sizes();
  }
};

TEST_P(VectorAttentionTest, IsTheFormula) {
  // Channels below, at and above the widths of vectors, and groups that no vector holds whole.
  for (const auto& [groups, share] :
       {std::pair{4, 8}, {8, 8}, {1, 1}, {1, 8}, {3, 2}, {5, 7}, {16, 1}, {17, 2}, {40, 1}}) {
    expect_naive(inputs(23, 6, groups, share));
  }
}

TEST_P(VectorAttentionTest, OfAnyNumberOfPointsAndNeighbors) {
  for (const auto& [points, k] : {std::pair{1, 1}, {1, 16}, {2, 3}, {40, 16}, {9, 129}, {7, 300}}) {
    expect_naive(inputs(points, k, 4, 2));
  }
  Inputs none = inputs(5, 3, 2, 2);
  none.index = at::empty({5, 0}, at::kLong);
  EXPECT_TRUE(run(moved(none, options())).eq(0).all().item<bool>());
  Inputs empty = inputs(3, 2, 2, 2);
  for (at::Tensor* tensor : {&empty.xyz, &empty.query, &empty.key, &empty.value, &empty.index}) {
    *tensor = tensor->narrow(0, 0, 0);
  }
  EXPECT_EQ(run(moved(empty, options())).sizes(), (std::vector<int64_t>{0, 4}));
}

TEST_P(VectorAttentionTest, TakesColumnsOfOneTensorAndAnyLayout) {
  Inputs in = moved(inputs(31, 5, 3, 4), options());
  const at::Tensor expected = run(in);
  const std::vector<at::Tensor> columns = at::cat({in.query, in.key, in.value}, 1).split(12, 1);
  in.query = columns[0];
  in.key = columns[1];
  in.value = columns[2].t().contiguous().t();
  in.index = in.index.t().contiguous().t();
  in.xyz = in.xyz.t().contiguous().t();
  in.weights.hidden_weight = in.weights.hidden_weight.t().contiguous().t();
  EXPECT_TRUE(run(in).equal(expected));
}

TEST_P(VectorAttentionTest, LargeLogitsDoNotOverflow) {
  Inputs in = inputs(12, 4, 2, 4);
  in.weights.logit_weight *= 1e3;
  const at::Tensor out = run(moved(in, options()));
  EXPECT_TRUE(out.isfinite().all().item<bool>());
  expect_naive(inputs(12, 4, 2, 4));
}

TEST_P(VectorAttentionTest, NaNStaysWhereItIsSeen) {
  Inputs in = moved(inputs(30, 4, 2, 4), options());
  in.index.fill_(3);
  in.index[7].fill_(5);
  in.key[5].fill_(std::nan(""));
  const at::Tensor out = run(in);
  EXPECT_TRUE(out[7].isnan().all().item<bool>());
  EXPECT_EQ(out.isnan().sum().item<int64_t>(), 8);
}

TEST_P(VectorAttentionTest, SameBitsForEveryNumberOfThreads) {
  const Inputs in = moved(inputs(700, 16, 4, 8), options());
  const auto results = test::for_thread_counts([&] { return run(in); });
  EXPECT_TRUE(results[1].equal(results[0]));
  EXPECT_TRUE(results[2].equal(results[0]));
}

TEST_P(VectorAttentionTest, HasNoGradientAndSaysSo) {
  Inputs in = moved(inputs(6, 3, 2, 2), options());
  in.query.requires_grad_(true);
  EXPECT_ANY_THROW(run(in).sum().backward());
}

TEST_P(VectorAttentionTest, RefusesBadInput) {
  const Inputs good = moved(inputs(6, 3, 2, 4), options());
  const auto refused = [&](const std::function<void(Inputs&)>& spoil) {
    Inputs bad = good;
    bad.index = good.index.clone();
    spoil(bad);
    return value_error([&] { run(bad); });
  };
  EXPECT_EQ(refused([](Inputs& in) { in.index[2][0] = 6; }),
            "vector_attention: expected an index of -1 … 5, got 6");
  EXPECT_EQ(refused([](Inputs& in) { in.index[2][0] = -2; }),
            "vector_attention: expected an index of -1 … 5, got -2");
  EXPECT_EQ(refused([](Inputs& in) { in.key = in.key.narrow(0, 0, 5); }),
            "vector_attention: expected key [N,C] with N=6, C=8, got [5,8]");
  EXPECT_EQ(refused([](Inputs& in) { in.xyz = in.xyz.narrow(1, 0, 2); }),
            "vector_attention: expected xyz [N,3] with N=6, got [6,2]");
  EXPECT_EQ(refused([](Inputs& in) {
              in.weights.hidden_weight = in.weights.hidden_weight.narrow(1, 0, 7);
            }),
            "vector_attention: expected hidden_weight [G,C] with C=8, got [2,7]");
  EXPECT_NE(
      refused([](Inputs& in) { in.index = in.index.to(at::kInt); }).find("expected int64 index"),
      std::string::npos);
  EXPECT_NE(
      refused([](Inputs& in) { in.value = in.value.to(at::kHalf); }).find("expected value of"),
      std::string::npos);
}

TEST_P(VectorAttentionTest, GroupsMustDivideTheChannels) {
  Inputs in = inputs(4, 2, 3, 2);
  in.weights.hidden_weight = at::randn({4, 6}, at::kDouble);
  in.weights.hidden_bias = at::randn({4}, at::kDouble);
  in.weights.logit_weight = at::randn({4, 4}, at::kDouble);
  in.weights.logit_bias = at::randn({4}, at::kDouble);
  EXPECT_EQ(value_error([&] { run(moved(in, options())); }),
            "vector_attention: expected G weights that divide C=6 channels, got G=4");
}

POINTATTN_INSTANTIATE_OP_TEST(VectorAttentionTest);

}  // namespace
}  // namespace pointattn::ops
