// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/relation_shape.h"

#include "tests/support/clouds.h"
#include "tests/support/gradients.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace pointattn::nn {
namespace {

using Row = std::vector<double>;

const std::vector<BallScale> kScales = {{0.3, 4}, {0.6, 9}};

Row row_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().contiguous().view(-1);
  return Row(flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel());
}

/// Rows of `cloud` within `radius` of its row `own`: that row first, then the nearest others, at
/// most k together.
std::vector<int64_t> ball(const at::Tensor& cloud, int64_t own, double radius, int64_t k) {
  std::vector<std::pair<double, int64_t>> found;
  for (int64_t j = 0; j < cloud.size(0); ++j) {
    const double distance = (cloud[j] - cloud[own]).norm().item<double>();
    if (j != own && distance <= radius) found.emplace_back(distance, j);
  }
  std::sort(found.begin(), found.end());
  std::vector<int64_t> rows = {own};
  for (const auto& [distance, j] : found) {
    if (static_cast<int64_t>(rows.size()) < k) rows.push_back(j);
  }
  return rows;
}

Row multiply(const torch::nn::Linear& layer, const Row& in) {
  Row out = row_of(layer->bias);
  for (size_t r = 0; r < out.size(); ++r) {
    const Row weight = row_of(layer->weight[static_cast<int64_t>(r)]);
    for (size_t c = 0; c < in.size(); ++c) out[r] += weight[c] * in[c];
  }
  return out;
}

/// Batch norm by its running statistics, then ReLU.
Row activate(const RowNorm& norm, Row values) {
  const Row mean = row_of(norm->running_mean), var = row_of(norm->running_var);
  const Row weight = row_of(norm->weight), bias = row_of(norm->bias);
  for (size_t c = 0; c < values.size(); ++c) {
    const double scaled = (values[c] - mean[c]) / std::sqrt(var[c] + 1e-5);
    values[c] = std::max(0.0, scaled * weight[c] + bias[c]);
  }
  return values;
}

/// One centre of one scale by the equations of the paper, number by number.
Row convolve(const RelationShape& layer,
             size_t scale,
             const at::Tensor& cloud,
             const at::Tensor& feat,
             int64_t own) {
  const auto& norms = layer->norms[scale];
  const Row centre = row_of(cloud[own]);
  Row best;
  for (const int64_t j : ball(cloud, own, kScales[scale].radius, kScales[scale].neighbors)) {
    const Row near = row_of(cloud[j]);
    Row offset;
    for (size_t a = 0; a < 3; ++a) offset.push_back(near[a] - centre[a]);
    Row relation = {std::hypot(offset[0], offset[1], offset[2])};
    for (const Row& part : {centre, near, offset})
      relation.insert(relation.end(), part.begin(), part.end());
    Row value =
        multiply(layer->mapping2, activate(norms.mapping, multiply(layer->mapping1, relation)));
    Row values = offset;
    if (feat.defined()) {
      const Row own_feat = row_of(feat[j]);
      values.insert(values.end(), own_feat.begin(), own_feat.end());
    } else {
      values = activate(norms.raise_xyz, multiply(layer->raise_xyz, offset));
    }
    for (size_t c = 0; c < value.size(); ++c) value[c] *= values[c];
    value = activate(norms.product, value);
    if (best.empty()) best = value;
    for (size_t c = 0; c < value.size(); ++c) best[c] = std::max(best[c], value[c]);
  }
  return activate(norms.raise, multiply(layer->raise, best));
}

/// A layer in float64 whose norms and biases are those of a trained one: none is 0 or 1.
RelationShape trained(int64_t in, int64_t out, const std::vector<BallScale>& scales = kScales) {
  RelationShape layer(in, out, scales);
  layer->to(at::kDouble);
  const at::NoGradGuard no_grad;
  for (const at::Tensor& tensor : layer->buffers()) tensor.uniform_(0.5, 1.5);
  for (const at::Tensor& tensor : layer->parameters()) {
    if (tensor.dim() == 1) tensor.uniform_(-1, 1);
  }
  layer->eval();
  return layer;
}

PointBatch two_clouds() {
  return PointBatch::of({at::rand({25, 3}, at::kDouble),
                         at::rand({1, 3}, at::kDouble),
                         at::rand({14, 3}, at::kDouble)});
}

class RelationShapeTest : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { at::manual_seed(21); }
  int64_t in() const { return GetParam(); }
  at::Tensor feat(int64_t points) const {
    return in() > 0 ? at::randn({points, in()}, at::kDouble) : at::Tensor();
  }
};

TEST_P(RelationShapeTest, IsTheFormulaOfThePaper) {
  RelationShape layer = trained(in(), 8);
  const PointBatch batch = two_clouds();
  const at::Tensor feat = this->feat(batch.points());
  const Sampled centres = sample_farthest(batch, 6);
  const at::Tensor got = layer(batch, feat, centres);
  ASSERT_EQ(got.sizes(), (std::vector<int64_t>{13, 16}));
  layer->freeze(Precision::kFloat32);
  at::Tensor frozen;
  {
    const at::NoGradGuard no_grad;
    frozen = layer(batch, feat, centres);
  }
  const std::vector<int64_t> counts = batch.counts();
  int64_t begin = 0, m = 0;
  for (const int64_t count : counts) {
    const at::Tensor cloud = batch.xyz.narrow(0, begin, count);
    const at::Tensor own_feat = feat.defined() ? feat.narrow(0, begin, count) : feat;
    for (const int64_t last = m + std::min<int64_t>(count, 6); m < last; ++m) {
      const int64_t own = centres.index[m].item<int64_t>() - begin;
      Row expected = convolve(layer, 0, cloud, own_feat, own);
      const Row second = convolve(layer, 1, cloud, own_feat, own);
      expected.insert(expected.end(), second.begin(), second.end());
      EXPECT_TRUE(at::allclose(got[m], at::tensor(expected, at::kDouble), 1e-9, 1e-9)) << m;
      EXPECT_TRUE(at::allclose(frozen[m], at::tensor(expected, at::kDouble), 1e-9, 1e-9)) << m;
    }
    begin += count;
  }
}

TEST_P(RelationShapeTest, GradientsByFiniteDifferences) {
  RelationShape layer = trained(in(), 8, {{0.5, 5}});
  layer->train();
  const PointBatch batch =
      PointBatch::of({at::rand({9, 3}, at::kDouble), at::rand({4, 3}, at::kDouble)});
  const Sampled centres = sample_farthest(batch, 4);
  const at::Tensor feat = this->feat(13);
  const at::Tensor g = at::randn({8, 8}, at::kDouble);
  const auto loss = [&](const at::Tensor& xyz, const at::Tensor& features) {
    const PointBatch moved{xyz, {}, batch.offsets};
    const Sampled same{centres.index,
                       {xyz.index_select(0, centres.index), {}, centres.batch.offsets}};
    return (layer(moved, features, same) * g).sum();
  };
  const at::Tensor xyz = batch.xyz.clone().requires_grad_(true);
  const at::Tensor features = feat.defined() ? feat.clone().requires_grad_(true) : feat;
  loss(xyz, features).backward();
  const at::Tensor by_xyz =
      test::finite_differences([&](const at::Tensor& x) { return loss(x, feat); }, batch.xyz);
  EXPECT_TRUE(at::allclose(xyz.grad(), by_xyz, 1e-4, 1e-6));
  if (feat.defined()) {
    const at::Tensor by_feat =
        test::finite_differences([&](const at::Tensor& f) { return loss(batch.xyz, f); }, feat);
    EXPECT_TRUE(at::allclose(features.grad(), by_feat, 1e-4, 1e-6));
  }
  at::Tensor weight = layer->mapping1->weight;
  const at::Tensor kept = weight.detach().clone();
  const at::Tensor by_weight = test::finite_differences(
      [&](const at::Tensor& w) {
        const at::NoGradGuard no_grad;
        weight.copy_(w);
        return loss(batch.xyz, feat);
      },
      kept);
  EXPECT_TRUE(at::allclose(weight.grad(), by_weight, 1e-4, 1e-6));
}

TEST_P(RelationShapeTest, OrderOfThePointsDoesNotMatter) {
  RelationShape layer = trained(in(), 8);
  const at::Tensor xyz = at::rand({40, 3}, at::kDouble);
  const at::Tensor feat = this->feat(40);
  const at::Tensor order = at::randperm(40, at::kLong);
  const at::Tensor centres = at::randperm(40, at::kLong).narrow(0, 0, 7);
  const auto convolve_at =
      [&](const at::Tensor& cloud, const at::Tensor& features, const at::Tensor& rows) {
        return layer(PointBatch::of({cloud}),
                     features,
                     Sampled{rows, {cloud.index_select(0, rows), {}, offsets_of({7})}});
      };
  const at::Tensor mixed = convolve_at(xyz.index_select(0, order),
                                       feat.defined() ? feat.index_select(0, order) : feat,
                                       order.argsort().index_select(0, centres));
  EXPECT_TRUE(at::allclose(mixed, convolve_at(xyz, feat, centres), 1e-12, 1e-12));
}

TEST_P(RelationShapeTest, RefusesWhatDoesNotFit) {
  RelationShape layer = trained(in(), 8);
  const PointBatch batch = two_clouds();
  const Sampled centres = sample_farthest(batch, 6);
  const at::Tensor wrong = in() > 0 ? at::Tensor() : at::rand({40, 2}, at::kDouble);
  EXPECT_THROW(layer(batch, wrong, centres), c10::ValueError);
  EXPECT_THROW(layer(batch, at::rand({39, std::max<int64_t>(in(), 1)}, at::kDouble), centres),
               c10::ValueError);
  EXPECT_THROW(RelationShape(in(), 2, kScales), c10::ValueError);
  EXPECT_THROW(RelationShape(-1, 8, kScales), c10::ValueError);
  EXPECT_THROW(RelationShape(in(), 8, std::vector<BallScale>{}), c10::ValueError);
}

INSTANTIATE_TEST_SUITE_P(Layers, RelationShapeTest, testing::Values(0, 5), [](const auto& entry) {
  return entry.param == 0 ? std::string("first") : std::string("later");
});

TEST(RelationShape, StartsAsItsAuthorsDo) {
  at::manual_seed(22);
  RelationShape layer(253, 512, kScales);
  for (const torch::nn::Linear& linear : {layer->mapping1, layer->mapping2, layer->raise}) {
    const double expected = std::sqrt(2.0 / static_cast<double>(linear->weight.size(1)));
    EXPECT_NEAR(linear->weight.std().item<double>(), expected, 0.1 * expected);
    EXPECT_EQ(linear->bias.abs().max().item<double>(), 0);
  }
  EXPECT_EQ(layer->norms.size(), kScales.size());
}

/// The pairs of a group as a list of neighbours a centre.
std::vector<std::vector<int64_t>> lists_of(const BallGroups& groups, int64_t centres) {
  std::vector<std::vector<int64_t>> lists(static_cast<size_t>(centres));
  for (int64_t p = 0; p < groups.centre.size(0); ++p) {
    lists[static_cast<size_t>(groups.centre[p].item<int64_t>())].push_back(
        groups.neighbor[p].item<int64_t>());
  }
  return lists;
}

TEST(BallGroups, AreTheNearestPointsOfEachBallWithItsCentreFirst) {
  for (const test::Cloud kind : test::kClouds) {
    at::Tensor cloud = test::make_cloud(kind, 30, 5);
    if (kind == test::Cloud::kLattice) cloud = cloud * 0.2;
    const PointBatch batch = PointBatch::of({cloud});
    const at::Tensor rows = at::arange(0, 30, 4, at::kLong);
    const Sampled centres{rows, {cloud.index_select(0, rows), {}, offsets_of({8})}};
    const std::vector<BallGroups> groups = ball_groups(batch, centres, kScales);
    ASSERT_EQ(groups.size(), 2);
    for (size_t s = 0; s < 2; ++s) {
      const auto lists = lists_of(groups[s], 8);
      for (int64_t m = 0; m < 8; ++m) {
        const std::vector<int64_t>& got = lists[static_cast<size_t>(m)];
        const auto expected =
            ball(cloud, rows[m].item<int64_t>(), kScales[s].radius, kScales[s].neighbors);
        EXPECT_EQ(got[0], expected[0]) << test::cloud_name(kind);
        // With more coinciding points than places the centre makes one more.
        EXPECT_GE(got.size(), expected.size()) << test::cloud_name(kind);
        EXPECT_LE(got.size(), expected.size() + 1) << test::cloud_name(kind);
        for (size_t k = 0; k < expected.size(); ++k) {
          EXPECT_NEAR((cloud[got[k]] - cloud[got[0]]).norm().item<double>(),
                      (cloud[expected[k]] - cloud[got[0]]).norm().item<double>(),
                      1e-9)
              << test::cloud_name(kind);
        }
      }
    }
  }
}

TEST(BallGroups, RefuseWhatMakesNoBall) {
  const PointBatch batch = two_clouds();
  const Sampled centres = sample_farthest(batch, 6);
  EXPECT_THROW(ball_groups(batch, centres, {}), c10::ValueError);
  EXPECT_THROW(ball_groups(batch, centres, {{-1, 4}}), c10::ValueError);
  EXPECT_THROW(ball_groups(batch, centres, {{0.5, 0}}), c10::ValueError);
  EXPECT_THROW(ball_groups(batch, {centres.index.narrow(0, 0, 3), centres.batch}, {{0.5, 4}}),
               c10::ValueError);
  const PointBatch none{at::empty({0, 3}, at::kDouble), {}, offsets_of({0})};
  EXPECT_EQ(ball_groups(none, {at::empty({0}, at::kLong), none}, {{0.5, 4}})[0].centre.size(0), 0);
}

}  // namespace
}  // namespace pointattn::nn
