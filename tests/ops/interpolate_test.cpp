// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/interpolate.h"

#include "pointattn/core/point_batch.h"
#include "tests/ops/ops_test.h"
#include "tests/reference/neighbors.h"
#include "tests/support/clouds.h"
#include "tests/support/gradients.h"

namespace pointattn::ops {
namespace {

using test::Cloud;
using test::make_cloud;
using test::value_error;

class InterpolateTest : public test::OpTest {
 protected:
  double tolerance() const { return dtype() == at::kFloat ? 1e-5 : 1e-12; }
};

TEST_P(InterpolateTest, EqualsTheFormula) {
  for (Cloud cloud : {Cloud::kRandom, Cloud::kDuplicates, Cloud::kCollinear, Cloud::kLattice}) {
    for (int64_t n : {1, 2, 3, 101}) {
      for (int64_t k : {1, 3, 5}) {
        const at::Tensor query = make_cloud(cloud, 37, 1).to(dtype());
        const at::Tensor points = make_cloud(cloud, n, 2).to(dtype());
        const at::Tensor feat = at::randn({n, 4}, at::kDouble).to(dtype());
        const at::Tensor got = interpolate(
            operand(query), operand(points), operand(feat), offsets_of({37}), offsets_of({n}), k);
        const at::Tensor expected = reference::interpolate(
            query.to(at::kDouble), points.to(at::kDouble), feat.to(at::kDouble), k);
        EXPECT_TRUE(at::allclose(got.cpu().to(at::kDouble), expected, tolerance(), tolerance()))
            << test::cloud_name(cloud) << " n=" << n << " k=" << k;
      }
    }
  }
}

TEST_P(InterpolateTest, FarFromTheOriginAndBetweenHugeDistances) {
  const at::Tensor points = make_cloud(Cloud::kFarAway, 50, 3).to(dtype());
  const at::Tensor feat = at::randn({50, 2}, at::kDouble).to(dtype());
  const at::Tensor got = interpolate(
      operand(points), operand(points), operand(feat), offsets_of({50}), offsets_of({50}), 1);
  EXPECT_TRUE(at::isfinite(got).all().item<bool>());
  const double huge = dtype() == at::kFloat ? 1e30 : 1e200;
  const at::Tensor far = interpolate(operand(at::zeros({1, 3})),
                                     operand(at::full({2, 3}, huge, at::kDouble)),
                                     operand(at::tensor({3., 4.}).view({2, 1})),
                                     offsets_of({1}),
                                     offsets_of({2}));
  EXPECT_EQ(far.item<double>(), 3.0);
}

TEST_P(InterpolateTest, AConstantStaysAndAQueryOnAPointTakesItsFeature) {
  const at::Tensor points = operand(make_cloud(Cloud::kRandom, 40, 4));
  const at::Tensor constant = at::full({40, 3}, 2.5, options());
  const at::Tensor query = operand(make_cloud(Cloud::kRandom, 90, 5));
  const at::Tensor kept = interpolate(query, points, constant, offsets_of({90}), offsets_of({40}));
  EXPECT_TRUE(at::allclose(kept, at::full({90, 3}, 2.5, options()), 1e-5));
  const at::Tensor feat = at::rand({40, 3}, options());
  const at::Tensor own = interpolate(points, points, feat, offsets_of({40}), offsets_of({40}));
  EXPECT_TRUE(at::allclose(own, feat, 1e-3, 1e-3));
}

TEST_P(InterpolateTest, UnevenBatchEqualsItsClouds) {
  const at::Tensor query = operand(make_cloud(Cloud::kRandom, 20, 6));
  const at::Tensor points = operand(make_cloud(Cloud::kRandom, 12, 7));
  const at::Tensor feat = at::randn({12, 5}, options());
  const at::Tensor got =
      interpolate(query, points, feat, offsets_of({9, 0, 11}), offsets_of({2, 3, 7}));
  const at::Tensor first = interpolate(query.slice(0, 0, 9),
                                       points.slice(0, 0, 2),
                                       feat.slice(0, 0, 2),
                                       offsets_of({9}),
                                       offsets_of({2}));
  const at::Tensor last = interpolate(query.slice(0, 9, 20),
                                      points.slice(0, 5, 12),
                                      feat.slice(0, 5, 12),
                                      offsets_of({11}),
                                      offsets_of({7}));
  EXPECT_TRUE(at::equal(got, at::cat({first, last})));
  EXPECT_EQ(
      interpolate(query.slice(0, 0, 0), points, feat, offsets_of({0}), offsets_of({12})).sizes(),
      (at::IntArrayRef{0, 5}));
}

TEST_P(InterpolateTest, GradientFlowsToFeaturesOnly) {
  if (dtype() != at::kDouble) return;
  const at::Tensor query = operand(make_cloud(Cloud::kRandom, 9, 8)).requires_grad_();
  const at::Tensor points = operand(make_cloud(Cloud::kRandom, 6, 9)).requires_grad_();
  const at::Tensor feat = at::randn({6, 2}, options()).requires_grad_();
  const at::Tensor weight = at::randn({9, 2}, options());
  const auto loss = [&](const at::Tensor& f) {
    return (interpolate(query, points, f, offsets_of({5, 4}), offsets_of({4, 2})) * weight).sum();
  };
  const auto got = torch::autograd::grad(
      {loss(feat)}, {query, points, feat}, {}, false, false, /*allow_unused=*/true);
  EXPECT_FALSE(got[0].defined() || got[1].defined());
  EXPECT_TRUE(at::allclose(got[2], test::finite_differences(loss, feat), 1e-6, 1e-8));
}

TEST_P(InterpolateTest, BadInputIsRefused) {
  const at::Tensor points = operand(at::rand({4, 3}));
  const at::Tensor feat = at::rand({4, 2}, options());
  const at::Tensor four = offsets_of({4});
  EXPECT_EQ(value_error([&] {
              interpolate(points, points, feat, offsets_of({1, 3}), offsets_of({0, 4}));
            }),
            "interpolate: expected at least 1 point in each cloud with queries, got 0 in cloud 0");
  EXPECT_EQ(value_error([&] { interpolate(points, points, feat.slice(0, 0, 3), four, four); }),
            "interpolate: expected feat [N,C] with N=4, got [3, 2]");
  EXPECT_EQ(value_error([&] { interpolate(points, points, feat, four, four, 0); }),
            "interpolate: expected k of at least 1, got 0");
  EXPECT_EQ(value_error([&] { interpolate(points * std::nan(""), points, feat, four, four); }),
            "interpolate: expected finite query, got NaN or infinity in row 0");
}

POINTATTN_INSTANTIATE_OP_TEST(InterpolateTest);

}  // namespace
}  // namespace pointattn::ops
