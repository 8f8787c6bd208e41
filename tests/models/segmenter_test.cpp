// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/segmenter.h"

#include <ATen/Functions.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>

namespace pointattn::models {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kTower = 0;
constexpr int64_t kBeam = 1;

/// Knows its answer from the coordinates alone: a Tower is cut by z into bottom (0) and top (1), a
/// Beam by x into left (2), middle (3) and right (4). Without a category it takes the longer
/// direction. It remembers what it was given.
class RulerNetwork : public Network {
 public:
  RulerNetwork() { register_parameter("scale", at::ones({1})); }

  Scores forward(const PointBatch& batch, const at::Tensor& category) override {
    seen = batch.xyz.clone();
    categories.push_back(category.item<int64_t>());
    const at::Tensor x = batch.xyz.select(1, 0) * 30;
    const at::Tensor z = batch.xyz.select(1, 2) * 30;
    at::Tensor scores = at::stack({-z, z, -x - 3, at::zeros_like(x), x - 3}, 1);
    const at::Tensor extent = batch.xyz.amax(0) - batch.xyz.amin(0);
    const bool tower = extent[2].item<float>() >= extent[0].item<float>();
    // A network may favour parts of another category than the given one; they are never to be
    // taken.
    const bool favour_tower =
        categories.back() == kUnknownCategory ? tower : categories.back() == kBeam;
    scores.narrow(1, favour_tower ? 0 : 2, favour_tower ? 2 : 3).add_(100);
    return {scores, {}};
  }

  at::Tensor seen;
  std::vector<int64_t> categories;

 protected:
  int64_t refined_channels() const override { return 3; }
};

struct Fixture {
  std::shared_ptr<RulerNetwork> network = std::make_shared<RulerNetwork>();
  Segmenter segmenter{[this] {
    Model model;
    model.network = network;
    model.spec.labels.categories = {{"Tower", 0, {{"bottom"}, {"top"}}},
                                    {"Beam", 2, {{"left"}, {"middle"}, {"right"}}}};
    return model;
  }()};
};

at::Tensor box(int64_t points, double x, double y, double z) {
  auto generator = at::detail::createCPUGenerator(7);
  return (at::rand({points, 3}, generator) - 0.5) * at::tensor({x, y, z}, at::kFloat);
}

/// Share of the points away from the cut that carry the label the ruler says.
double tower_agreement(const at::Tensor& xyz, const at::Tensor& label) {
  const at::Tensor z = xyz.select(1, 2) - xyz.select(1, 2).mean();
  const at::Tensor clear = z.abs() > 0.15 * (z.max() - z.min());
  return clear.logical_and(label.eq(z.gt(0))).sum().item<double>() / clear.sum().item<double>();
}

bool mentions(const Segmentation& result, const std::string& text) {
  for (const std::string& note : result.notes) {
    if (note.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST(Segmenter, FindsTheCategoryAndLabelsEveryPoint) {
  Fixture f;
  const at::Tensor xyz = box(5000, 1, 1, 4);
  const Segmentation result = f.segmenter.segment(xyz);
  EXPECT_EQ(result.category, kTower);
  EXPECT_EQ(f.network->categories, (std::vector<int64_t>{kUnknownCategory, kTower}));
  EXPECT_GT(result.category_confidence, 0.99);
  ASSERT_EQ(result.category_probabilities.size(), 2U);
  EXPECT_NEAR(result.category_probabilities[0] + result.category_probabilities[1], 1.0, 1e-5);
  EXPECT_EQ(result.label.sizes(), at::IntArrayRef({5000}));
  EXPECT_EQ(result.label.scalar_type(), at::kLong);
  EXPECT_EQ(result.confidence.scalar_type(), at::kFloat);
  EXPECT_GT(result.confidence.min().item<float>(), 0.0F);
  EXPECT_LE(result.confidence.max().item<float>(), 1.0F);
  EXPECT_EQ(tower_agreement(xyz, result.label), 1.0);
  EXPECT_TRUE(result.notes.empty()) << result.notes.front();
}

TEST(Segmenter, AGivenCategoryIsKept) {
  Fixture f;
  const Segmentation result = f.segmenter.segment(box(600, 1, 1, 4), {.category = kBeam});
  EXPECT_EQ(f.network->categories, (std::vector<int64_t>{kBeam}));
  EXPECT_EQ(result.category, kBeam);
  EXPECT_EQ(result.category_confidence, 1.0);
  EXPECT_TRUE(result.category_probabilities.empty());
  EXPECT_GE(result.label.min().item<int64_t>(), 2);
  EXPECT_LE(result.label.max().item<int64_t>(), 4);
}

TEST(Segmenter, TheNetworkSeesAUnitSphereOfTheAskedSize) {
  Fixture f;
  (void)f.segmenter.segment(box(5000, 10, 20, 4000) + 77, {.category = kTower, .points = 300});
  EXPECT_EQ(f.network->seen.sizes(), at::IntArrayRef({300, 3}));
  EXPECT_LT(f.network->seen.mean(0).abs().max().item<float>(), 1e-5);
  EXPECT_NEAR(f.network->seen.norm(2, 1).max().item<float>(), 1.0, 1e-5);
}

TEST(Segmenter, UnitAndPositionMakeNoDifference) {
  Fixture f;
  const at::Tensor xyz = box(3000, 1, 1, 4).to(at::kDouble);
  const at::Tensor here = f.segmenter.segment(xyz).label;
  for (const double scale : {1e-3, 1e3, 1e-30, 1e300}) {
    EXPECT_TRUE(f.segmenter.segment(xyz * scale).label.equal(here)) << scale;
  }
  // UTM: an object of four metres, five thousand kilometres from the origin.
  const at::Tensor utm = f.segmenter.segment(xyz + at::tensor({5e5, 5e6, 100.0})).label;
  EXPECT_GT(utm.eq(here).to(at::kDouble).mean().item<double>(), 0.999);
}

TEST(Segmenter, TheNetworkSeesEveryCloudUpright) {
  const at::Tensor xyz = box(500, 1, 2, 3);
  Fixture fixture;
  (void)fixture.segmenter.segment(xyz, {kTower, 300});
  const at::Tensor upright = fixture.network->seen;
  const std::vector<std::vector<int64_t>> axes{{1, 2, 0}, {0, 1, 2}, {2, 0, 1}};
  for (int up = 0; up < 3; ++up) {
    const at::Tensor lying = xyz.index_select(1, at::tensor(axes[static_cast<size_t>(up)]));
    const Segmentation result = fixture.segmenter.segment(lying, {kTower, 300, up});
    EXPECT_TRUE(fixture.network->seen.equal(upright)) << "axis " << up;
    EXPECT_EQ(result.label.numel(), 500);
  }
  EXPECT_THROW((void)fixture.segmenter.segment(xyz, {kTower, 300, 3}), c10::ValueError);
}

TEST(Segmenter, PointsThatAreNotFiniteAreCounted) {
  Fixture f;
  const at::Tensor clean = box(2000, 1, 1, 4);
  at::Tensor xyz = at::cat({clean, clean.slice(0, 0, 3)});
  xyz[2000][1] = kNan;
  xyz[2001][0] = std::numeric_limits<float>::infinity();
  xyz[2002].fill_(kNan);
  const Segmentation result = f.segmenter.segment(xyz);
  EXPECT_TRUE(mentions(result, "3 of 2003 points are not finite")) << result.notes.size();
  EXPECT_TRUE(result.label.slice(0, 0, 2000).equal(f.segmenter.segment(clean).label));
  const at::Tensor counts = result.label.slice(0, 0, 2000).bincount();
  for (int64_t row = 2000; row < 2003; ++row) {
    EXPECT_EQ(result.label[row].item<int64_t>(), counts.argmax().item<int64_t>());
    EXPECT_EQ(result.confidence[row].item<float>(), 0.0F);
  }
}

TEST(Segmenter, RepeatedPointsCountOnceAndAgree) {
  Fixture f;
  const at::Tensor clean = box(500, 1, 1, 4);
  const Segmentation result = f.segmenter.segment(clean.repeat({4, 1}), {.points = 800});
  EXPECT_TRUE(mentions(result, "75.0 % of the points repeat"));
  EXPECT_EQ(f.network->seen.size(0), 500);
  for (int64_t copy = 1; copy < 4; ++copy) {
    EXPECT_TRUE(
        result.label.slice(0, copy * 500, (copy + 1) * 500).equal(result.label.slice(0, 0, 500)));
  }
}

TEST(Segmenter, OddCloudsGetLabelsAndANote) {
  Fixture f;
  const Segmentation one = f.segmenter.segment(at::tensor({3.0, 4.0, 5.0}).view({1, 3}));
  EXPECT_EQ(one.label.numel(), 1);
  EXPECT_TRUE(mentions(one, "one place"));
  const Segmentation same = f.segmenter.segment(at::full({1000, 3}, 1e6F));
  EXPECT_EQ(same.label.numel(), 1000);
  EXPECT_TRUE(mentions(same, "one place"));
  EXPECT_TRUE(same.label.eq(same.label[0]).all().item<bool>());
  EXPECT_TRUE(mentions(f.segmenter.segment(box(3000, 1, 0, 4)), "flat"));
  EXPECT_TRUE(mentions(f.segmenter.segment(box(3000, 0, 0, 4)), "line"));
  EXPECT_TRUE(mentions(f.segmenter.segment(box(200, 1, 1, 4)), "only 200 different points"));
  for (const int64_t points : {2, 3, 4, 5}) {
    EXPECT_EQ(f.segmenter.segment(box(points, 1, 1, 4)).label.numel(), points);
  }
}

TEST(Segmenter, TwoMillionPointsInSeconds) {
  Fixture f;
  const at::Tensor xyz = box(2'000'000, 1, 1, 4);
  const auto start = std::chrono::steady_clock::now();
  const Segmentation result = f.segmenter.segment(xyz);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(result.label.numel(), 2'000'000);
  EXPECT_EQ(tower_agreement(xyz, result.label), 1.0);
  EXPECT_LT(seconds.count(), 120.0);  // generous: also for sanitizers and busy machines
  RecordProperty("seconds", std::to_string(seconds.count()));
}

TEST(Segmenter, AFarOutlierDoesNotStarveTheSample) {
  Fixture f;
  const at::Tensor xyz = at::cat({box(100'000, 1, 1, 4), at::full({1, 3}, 1e5F)});
  const Segmentation result = f.segmenter.segment(xyz);
  EXPECT_EQ(result.label.numel(), 100'001);
  EXPECT_EQ(f.network->seen.size(0), 4096);
}

TEST(Segmenter, TheSameCloudGivesTheSameLabels) {
  Fixture f;
  const at::Tensor xyz = box(80'000, 1, 2, 3);
  EXPECT_TRUE(f.segmenter.segment(xyz).label.equal(f.segmenter.segment(xyz).label));
  EXPECT_TRUE(f.segmenter.segment(xyz).confidence.equal(f.segmenter.segment(xyz).confidence));
}

TEST(Segmenter, RefusesWhatItCannotDo) {
  Fixture f;
  EXPECT_THROW((void)f.segmenter.segment(at::zeros({0, 3})), c10::ValueError);
  EXPECT_THROW((void)f.segmenter.segment(at::zeros({5, 2})), c10::ValueError);
  EXPECT_THROW((void)f.segmenter.segment(at::zeros({5, 3}, at::kLong)), c10::ValueError);
  EXPECT_THROW((void)f.segmenter.segment(at::full({5, 3}, kNan)), c10::ValueError);
  EXPECT_THROW((void)f.segmenter.segment(box(9, 1, 1, 1), {.category = 2}), c10::ValueError);
  EXPECT_THROW((void)f.segmenter.segment(box(9, 1, 1, 1), {.category = -2}), c10::ValueError);
  EXPECT_THROW((void)f.segmenter.segment(box(9, 1, 1, 1), {.points = 0}), c10::ValueError);
  Model classifier;
  classifier.spec.task = Task::kClassify;
  classifier.network = f.network;
  EXPECT_THROW(Segmenter{classifier}, c10::ValueError);
  EXPECT_THROW(Segmenter{Model{}}, c10::ValueError);
}

}  // namespace
}  // namespace pointattn::models
