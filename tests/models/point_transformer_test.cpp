// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/point_transformer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pointattn::models {
namespace {

LabelMap two_categories() {
  LabelMap map;
  map.categories = {{"a", 0, {{"p", {}}, {"q", {}}}}, {"b", 2, {{"r", {}}}}};
  return map;
}

std::shared_ptr<Network> make(const nlohmann::json& options) {
  return make_network({"point_transformer", Task::kSegment, options, two_categories()});
}

TEST(PointTransformer, LevelsHaveAQuarterOfThePointsAndAtLeastOne) {
  at::manual_seed(1);
  const PointBatch batch =
      PointBatch::of({at::rand({37, 3}), at::rand({150, 3}), at::rand({1, 3})});
  const std::vector<TransformerLevel> levels = transformer_levels(batch);
  const std::vector<std::vector<int64_t>> counts = {
      {37, 150, 1}, {9, 37, 1}, {2, 9, 1}, {1, 2, 1}, {1, 1, 1}};
  ASSERT_EQ(levels.size(), counts.size());
  for (size_t l = 0; l < levels.size(); ++l) {
    const TransformerLevel& level = levels[l];
    EXPECT_EQ(level.points.counts(), counts[l]);
    EXPECT_EQ(level.near.size(1), l == 0 ? 8 : 16);
    // The last cloud's point has itself and nobody else.
    const at::Tensor lone = level.near[-1];
    EXPECT_EQ(lone[0].item<int64_t>(), level.points.points() - 1);
    EXPECT_TRUE(lone.narrow(0, 1, lone.size(0) - 1).eq(-1).all().item<bool>());
    if (l == 0) continue;
    EXPECT_EQ(level.above.min().item<int64_t>(), 0);
    EXPECT_EQ(level.above.max().item<int64_t>(), levels[l - 1].points.points() - 1);
    const PointBatch sampled =
        nn::sample_farthest(levels[l - 1].points, level.points.counts()).batch;
    EXPECT_TRUE(sampled.xyz.equal(level.points.xyz)) << "level " << l;
  }
}

TEST(PointTransformer, WidthScalesEveryLevel) {
  const auto narrow = make({{"width", 8}});
  EXPECT_EQ(narrow->named_parameters()["enc5.1.attention.logits.weight"].sizes(),
            (std::vector<int64_t>{16, 16}));
  EXPECT_LT(parameter_count(*narrow), parameter_count(*make({{"width", 16}})));
  for (const nlohmann::json& width : {nlohmann::json(0),
                                      nlohmann::json(-8),
                                      nlohmann::json(12),
                                      nlohmann::json(136),
                                      nlohmann::json(1LL << 62),
                                      nlohmann::json("wide")}) {
    EXPECT_THROW(make({{"width", width}}), c10::ValueError) << width;
  }
}

TEST(PointTransformer, HasTheTensorsOfThePublicNetwork) {
  const auto network = make(nlohmann::json::object());
  const auto parameters = network->named_parameters();
  const std::vector<std::pair<const char*, std::vector<int64_t>>> expected = {
      {"enc1.0.linear.weight", {32, 3}},
      {"enc2.0.linear.weight", {64, 35}},
      {"enc2.0.norm.weight", {64}},
      {"enc4.5.linear1.linear.weight", {256, 256}},
      {"enc5.2.attention.linear_q.bias", {512}},
      {"enc5.2.attention.position_in.linear.weight", {3, 3}},
      {"enc5.2.attention.position_out.weight", {512, 3}},
      {"enc5.2.attention.relation_norm.bias", {512}},
      {"enc5.2.attention.hidden.linear.weight", {64, 512}},
      {"enc5.2.attention.hidden.norm.weight", {64}},
      {"enc5.2.attention.logits.bias", {64}},
      {"enc5.2.norm2.weight", {512}},
      {"enc5.2.linear3.norm.weight", {512}},
      {"dec5.0.linear1.linear.weight", {512, 1024}},
      {"dec5.0.linear2.weight", {512, 512}},
      {"dec5.0.category.weight", {512, 2}},
      {"dec4.0.linear1.linear.weight", {256, 256}},
      {"dec4.0.linear2.linear.weight", {256, 512}},
      {"dec1.0.linear2.norm.bias", {32}},
      {"dec1.1.linear1.linear.weight", {32, 32}},
      {"cls.hidden.linear.weight", {32, 32}},
      {"cls.scores.bias", {3}},
  };
  for (const auto& [name, shape] : expected) {
    const at::Tensor* found = parameters.find(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(found->sizes(), shape) << name;
  }
  EXPECT_EQ(parameters.find("enc5.3.norm2.weight"), nullptr);
}

TEST(PointTransformer, TrainingNeedsTwoPointsOnTheLowestLevel) {
  const auto network = make({{"width", 8}});
  network->train();
  const at::Tensor category = at::tensor({0}, at::kLong);
  EXPECT_THROW(network->forward(PointBatch::of({at::rand({511, 3})}), category), c10::ValueError);
  EXPECT_TRUE(network->forward(PointBatch::of({at::rand({512, 3})}), category)
                  .scores.isfinite()
                  .all()
                  .item<bool>());
}

}  // namespace
}  // namespace pointattn::models
