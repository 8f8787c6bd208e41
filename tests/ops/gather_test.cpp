// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/gather.h"

#include "tests/ops/ops_test.h"
#include "tests/support/gradients.h"

namespace pointattn::ops {
namespace {

using test::value_error;

class GatherTest : public test::OpTest {
 protected:
  at::Tensor index(at::IntArrayRef shape, int64_t rows) const {
    return at::randint(-1, rows, shape, options().dtype(at::kLong));
  }
  /// Row by row, from the definition.
  static at::Tensor expected(const at::Tensor& feat, const at::Tensor& index) {
    std::vector<at::Tensor> rows;
    const at::Tensor flat = index.reshape(-1).cpu();
    for (int64_t r = 0; r < flat.numel(); ++r) {
      const int64_t row = flat[r].item<int64_t>();
      rows.push_back(row < 0 ? at::zeros({feat.size(1)}, feat.options()) : feat[row]);
    }
    std::vector<int64_t> shape = index.sizes().vec();
    shape.push_back(feat.size(1));
    return rows.empty() ? at::zeros(shape, feat.options()) : at::stack(rows).view(shape);
  }
};

TEST_P(GatherTest, CopiesRowsAndZeroesMissingOnes) {
  for (int64_t channels : {0, 1, 3, 67}) {
    const at::Tensor feat = at::randn({11, channels}, options());
    for (const std::vector<int64_t>& shape :
         std::vector<std::vector<int64_t>>{{23}, {7, 5}, {0}, {0, 4}}) {
      const at::Tensor rows = index(shape, 11);
      EXPECT_TRUE(at::equal(gather(feat, rows), expected(feat, rows)))
          << channels << " " << rows.sizes();
    }
  }
  const at::Tensor none =
      gather(at::randn({0, 4}, options()), at::full({3}, -1, options().dtype(at::kLong)));
  EXPECT_TRUE(at::equal(none, at::zeros({3, 4}, options())));
}

TEST_P(GatherTest, StridedAndHalfPrecision) {
  const at::Tensor feat = at::randn({6, 11}, options()).t();
  const at::Tensor rows = index({5, 8}, 11).t();
  EXPECT_TRUE(at::equal(gather(feat, rows), expected(feat, rows)));
  for (at::ScalarType low : {at::kHalf, at::kBFloat16}) {
    EXPECT_TRUE(at::equal(gather(feat.to(low), rows), expected(feat.to(low), rows)));
  }
}

TEST_P(GatherTest, GradientMatchesFiniteDifferences) {
  if (dtype() != at::kDouble) return;
  const at::Tensor feat = at::randn({7, 3}, options()).requires_grad_();
  const at::Tensor rows = index({5, 4}, 7);
  const at::Tensor weight = at::randn({5, 4, 3}, options());
  const auto loss = [&](const at::Tensor& f) { return (gather(f, rows) * weight).sum(); };
  const auto got = torch::autograd::grad({loss(feat)}, {feat});
  EXPECT_TRUE(at::allclose(got[0], test::finite_differences(loss, feat), 1e-6, 1e-8));
}

TEST_P(GatherTest, GradientIsSummedInOrder) {
  // One row is taken by everyone: a long sum, which must be the plain one from first to last.
  const at::Tensor feat = at::zeros({2, 1}, options()).requires_grad_();
  const at::Tensor flow = at::randn({1000, 1}, options());
  gather(feat, at::ones({1000}, options().dtype(at::kLong))).backward(flow);
  at::Tensor sum = at::zeros({1}, options());
  for (int64_t r = 0; r < 1000; ++r) sum += flow[r];
  EXPECT_TRUE(at::equal(feat.grad()[1], sum));
  EXPECT_EQ(feat.grad()[0].item<double>(), 0.0);
}

TEST_P(GatherTest, BadInputIsRefused) {
  const at::Tensor feat = at::randn({5, 2}, options());
  const auto rows = [&](std::vector<int64_t> values) {
    return at::tensor(values, at::kLong).to(feat.device());
  };
  EXPECT_EQ(value_error([&] {
              gather(feat, rows({0, 5}));
            }),
            "gather: expected an index of -1 … 4, got 5");
  EXPECT_EQ(value_error([&] { gather(feat, rows({-2})); }),
            "gather: expected an index of -1 … 4, got -2");
  EXPECT_EQ(value_error([&] { gather(feat[0], rows({0})); }),
            "gather: expected feat [N,C], got [2]");
  EXPECT_EQ(value_error([&] {
              gather(feat, rows({0}).view({1, 1, 1}));
            }),
            "gather: expected index [M] or [M,K], got 3 dimensions");
  EXPECT_NE(value_error([&] { gather(feat, rows({0}).to(at::kInt)); }).find("expected int64 index"),
            std::string::npos);
}

POINTATTN_INSTANTIATE_OP_TEST(GatherTest);

TEST(GatherThreads, GradientHasTheSameBitsForEveryNumberOfThreads) {
  const at::Tensor rows = at::randint(-1, 301, {4001, 8}, at::kLong);
  const at::Tensor flow = at::randn({4001, 8, 33});
  const std::vector<at::Tensor> results = test::for_thread_counts([&] {
    const at::Tensor feat = at::zeros({301, 33}).requires_grad_();
    gather(feat, rows).backward(flow);
    return feat.grad();
  });
  for (const at::Tensor& result : results) EXPECT_TRUE(at::equal(result, results[0]));
}

}  // namespace
}  // namespace pointattn::ops
