// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/point_batch.h"
#include "pointattn/ops/ragged_pool.h"
#include "pointattn/ops/ragged_softmax.h"
#include "tests/ops/ops_test.h"
#include "tests/support/gradients.h"

#include <limits>

namespace pointattn::ops {
namespace {

using test::value_error;

/// Clouds of uneven sizes, empty ones and one of several stretches among them.
const std::vector<int64_t> kCounts = {3, 0, 1, 17, 4099, 0};

class RaggedTest : public test::OpTest {
 protected:
  double tolerance() const { return dtype() == at::kFloat ? 2e-4 : 1e-10; }
  bool close(const at::Tensor& got, const at::Tensor& expected) const {
    return at::allclose(got.cpu().to(at::kDouble), expected, tolerance(), tolerance());
  }
};

/// From the definition, number by number, in float64.
at::Tensor naive_softmax(const at::Tensor& logits_in, const at::Tensor& offsets) {
  const at::Tensor logits = logits_in.cpu().to(at::kDouble).contiguous();
  at::Tensor out = at::empty_like(logits);
  const auto from = logits.accessor<double, 2>();
  auto to = out.accessor<double, 2>();
  for (int64_t b = 0; b + 1 < offsets.size(0); ++b) {
    const auto begin = offsets[b].item<int64_t>(), end = offsets[b + 1].item<int64_t>();
    for (int64_t r = 0; r < logits.size(1); ++r) {
      double sum = 0;
      for (int64_t n = begin; n < end; ++n) sum += std::exp(from[n][r]);
      for (int64_t n = begin; n < end; ++n) to[n][r] = std::exp(from[n][r]) / sum;
    }
  }
  return out;
}

at::Tensor naive_pool(const at::Tensor& weight_in,
                      const at::Tensor& values_in,
                      const at::Tensor& offsets) {
  const at::Tensor weight = weight_in.cpu().to(at::kDouble).contiguous();
  const at::Tensor values = values_in.cpu().to(at::kDouble).contiguous();
  at::Tensor out = at::zeros({offsets.size(0) - 1, weight.size(1), values.size(1)}, at::kDouble);
  const auto w = weight.accessor<double, 2>(), v = values.accessor<double, 2>();
  auto to = out.accessor<double, 3>();
  for (int64_t b = 0; b < out.size(0); ++b) {
    for (int64_t n = offsets[b].item<int64_t>(); n < offsets[b + 1].item<int64_t>(); ++n) {
      for (int64_t r = 0; r < out.size(1); ++r) {
        for (int64_t c = 0; c < out.size(2); ++c) to[b][r][c] += w[n][r] * v[n][c];
      }
    }
  }
  return out;
}

at::Tensor naive_expand(const at::Tensor& rows_in,
                        const at::Tensor& matrices_in,
                        const at::Tensor& offsets) {
  const at::Tensor rows = rows_in.cpu().to(at::kDouble).contiguous();
  const at::Tensor matrices = matrices_in.cpu().to(at::kDouble).contiguous();
  at::Tensor out = at::zeros({rows.size(0), matrices.size(2)}, at::kDouble);
  const auto x = rows.accessor<double, 2>();
  const auto m = matrices.accessor<double, 3>();
  auto to = out.accessor<double, 2>();
  for (int64_t b = 0; b + 1 < offsets.size(0); ++b) {
    for (int64_t n = offsets[b].item<int64_t>(); n < offsets[b + 1].item<int64_t>(); ++n) {
      for (int64_t k = 0; k < rows.size(1); ++k) {
        for (int64_t d = 0; d < out.size(1); ++d) to[n][d] += x[n][k] * m[b][k][d];
      }
    }
  }
  return out;
}

TEST_P(RaggedTest, SoftmaxMatchesTheDefinition) {
  const at::Tensor offsets = offsets_of(kCounts);
  for (int64_t columns : {1, 3, 8}) {
    const at::Tensor logits = 3 * at::randn({4120, columns}, options());
    EXPECT_TRUE(close(ragged_softmax(logits, offsets), naive_softmax(logits, offsets)));
    EXPECT_TRUE(close(ragged_softmax(logits.t().contiguous().t(), offsets),
                      naive_softmax(logits, offsets)));
  }
  EXPECT_EQ(ragged_softmax(at::empty({0, 4}, options()), offsets_of({0, 0})).sizes(),
            (std::vector<int64_t>{0, 4}));
}

TEST_P(RaggedTest, SoftmaxIsSafeWithLargeAndMaskedLogits) {
  const double infinity = std::numeric_limits<double>::infinity();
  const at::Tensor logits =
      operand(at::tensor({1000.0, -infinity, 1000.0, -infinity}, at::kDouble).view({4, 1}));
  const at::Tensor expected = at::tensor({0.5, 0.0, 0.5, 0.0}, at::kDouble).view({4, 1});
  EXPECT_TRUE(close(ragged_softmax(logits, offsets_of({4})), expected));
}

TEST_P(RaggedTest, PoolAndExpandMatchTheDefinition) {
  const at::Tensor offsets = offsets_of(kCounts);
  for (const auto& [r, c] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {5, 3}, {8, 130}}) {
    const at::Tensor weight = at::rand({4120, r}, options());
    const at::Tensor values = at::randn({4120, c}, options());
    EXPECT_TRUE(close(ragged_pool(weight, values, offsets), naive_pool(weight, values, offsets)))
        << r << " " << c;
    const at::Tensor matrices = at::randn({6, c, r}, options());
    EXPECT_TRUE(
        close(ragged_expand(values, matrices, offsets), naive_expand(values, matrices, offsets)));
    const at::Tensor wide = at::randn({6, r, c}, options());
    EXPECT_TRUE(close(ragged_expand(weight, wide, offsets), naive_expand(weight, wide, offsets)));
    EXPECT_TRUE(close(ragged_expand(weight, matrices.transpose(1, 2), offsets),
                      naive_expand(weight, matrices.transpose(1, 2), offsets)));
  }
}

TEST_P(RaggedTest, NeighboursInTheBatchChangeNoBit) {
  const at::Tensor logits = at::randn({4120, 3}, options());
  const at::Tensor values = at::randn({4120, 9}, options());
  const at::Tensor offsets = offsets_of(kCounts);
  const at::Tensor together = ragged_softmax(logits, offsets);
  const at::Tensor pooled = ragged_pool(together, values, offsets);
  for (size_t b = 0; b < kCounts.size(); ++b) {
    const int64_t begin = offsets[static_cast<int64_t>(b)].item<int64_t>();
    const at::Tensor own = offsets_of({kCounts[b]});
    const at::Tensor alone = ragged_softmax(logits.narrow(0, begin, kCounts[b]), own);
    EXPECT_TRUE(at::equal(alone, together.narrow(0, begin, kCounts[b])));
    const at::Tensor mean = ragged_pool(alone, values.narrow(0, begin, kCounts[b]), own);
    EXPECT_TRUE(at::equal(mean[0], pooled[static_cast<int64_t>(b)]));
  }
}

TEST_P(RaggedTest, GradientsMatchFiniteDifferences) {
  if (dtype() != at::kDouble) return;
  const at::Tensor offsets = offsets_of({3, 0, 4});
  const std::vector<at::Tensor> inputs = {at::randn({7, 2}, options()).requires_grad_(),
                                          at::randn({7, 3}, options()).requires_grad_(),
                                          at::randn({3, 3, 2}, options()).requires_grad_()};
  const auto loss = [&](const at::Tensor& l, const at::Tensor& v, const at::Tensor& m) {
    const at::Tensor attention = ragged_softmax(l, offsets);
    const at::Tensor pooled = ragged_pool(attention, v, offsets);
    return (pooled.tanh() * ragged_pool(ragged_expand(v, m, offsets), v, offsets)).sum();
  };
  const auto got =
      torch::autograd::grad({loss(inputs[0], inputs[1], inputs[2])}, inputs, {}, true, true);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto along = [&](const at::Tensor& x) {
      std::vector<at::Tensor> at_point = inputs;
      at_point[i] = x;
      return loss(at_point[0], at_point[1], at_point[2]);
    };
    EXPECT_TRUE(at::allclose(got[i], test::finite_differences(along, inputs[i]), 1e-6, 1e-8)) << i;
  }
  // The operators are each other's derivatives, so the second derivative comes with them.
  const auto slope = [&](const at::Tensor& l) {
    const at::Tensor point = l.requires_grad() ? l : l.detach().requires_grad_();
    return torch::autograd::grad({loss(point, inputs[1], inputs[2])}, {point}, {}, true, true)[0]
        .square()
        .sum();
  };
  const auto second = torch::autograd::grad({slope(inputs[0])}, {inputs[0]});
  EXPECT_TRUE(at::allclose(second[0], test::finite_differences(slope, inputs[0]), 1e-5, 1e-7));
}

TEST_P(RaggedTest, BadInputIsRefused) {
  const at::Tensor rows = at::randn({5, 2}, options());
  EXPECT_EQ(value_error([&] { ragged_softmax(rows, offsets_of({4})); }),
            "ragged_softmax: expected offsets to end with the number of rows 5, got 4");
  EXPECT_EQ(value_error([&] { ragged_softmax(rows[0], offsets_of({2})); }),
            "ragged_softmax: expected logits [N,R], got [2]");
  EXPECT_EQ(value_error([&] { ragged_pool(rows, rows.narrow(0, 0, 4), offsets_of({5})); }),
            "ragged_pool: expected values [N,C] with N=5, got [4,2]");
  EXPECT_NE(value_error([&] {
              ragged_pool(rows, rows.to(at::kHalf), offsets_of({5}));
            }).find("ragged_pool: expected values of dtype"),
            std::string::npos);
  EXPECT_EQ(value_error([&] {
              ragged_expand(rows, at::randn({2, 2, 3}, options()), offsets_of({5}));
            }),
            "ragged_expand: expected a matrix for each of 1 clouds, got 2");
}

POINTATTN_INSTANTIATE_OP_TEST(RaggedTest);

TEST(RaggedThreads, SameBitsForEveryNumberOfThreads) {
  const at::Tensor offsets = offsets_of({10000, 3, 5000});
  const at::Tensor weight = at::rand({15003, 8});
  const at::Tensor values = at::randn({15003, 70});
  const auto results = test::for_thread_counts([&] {
    const at::Tensor pooled = ragged_pool(ragged_softmax(weight, offsets), values, offsets);
    return at::cat({pooled.flatten(), ragged_expand(weight, pooled, offsets).flatten()});
  });
  for (const at::Tensor& result : results) EXPECT_TRUE(at::equal(result, results[0]));
}

}  // namespace
}  // namespace pointattn::ops
