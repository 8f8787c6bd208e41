// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/metrics.h"

#include <ATen/Functions.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace pointattn::train {
namespace {

/// Chair: parts 0 leg, 1 seat, 2 arm. Mug: parts 3 body, 4 handle. Lamp: part 5 all.
LabelMap sample_labels() {
  LabelMap labels;
  labels.categories = {{"Chair", 0, {{"leg"}, {"seat"}, {"arm"}}},
                       {"Mug", 3, {{"body"}, {"handle"}}},
                       {"Lamp", 5, {{"all"}}}};
  return labels;
}

at::Tensor ids(std::vector<int64_t> values) { return at::tensor(values, at::kLong); }

TEST(PredictedParts, StaysInsideTheCategoryAndTakesTheFirstAmongEquals) {
  // The best score of row 0 belongs to a mug, which a chair may not get; row 1 has a tie.
  const at::Tensor scores = at::tensor({1.,
                                        2.,
                                        0.,
                                        9.,
                                        0.,
                                        0.,  //
                                        4.,
                                        4.,
                                        1.,
                                        0.,
                                        0.,
                                        0.})
                                .view({2, 6});
  const LabelMap labels = sample_labels();
  EXPECT_TRUE(predicted_parts(scores, labels.categories[0]).equal(ids({1, 0})));
  EXPECT_TRUE(predicted_parts(scores, labels.categories[1]).equal(ids({3, 3})));
  EXPECT_THROW(predicted_parts(scores.narrow(1, 0, 4), labels.categories[1]), c10::ValueError);
}

TEST(ShapeIou, ByHand) {
  const LabelMap labels = sample_labels();
  // leg: both {0}, either {0,1} = 1/2; seat: both {2}, either {1,2,3} = 1/3; arm: both {}, either
  // {3} = 0.
  EXPECT_DOUBLE_EQ(shape_iou(ids({0, 0, 1, 2}), ids({0, 1, 1, 1}), labels.categories[0]),
                   (1.0 / 2 + 1.0 / 3 + 0.0) / 3);
  // No arm in either counts 1.
  EXPECT_DOUBLE_EQ(shape_iou(ids({0, 1}), ids({0, 0}), labels.categories[0]),
                   (0.5 + 0.0 + 1.0) / 3);
  // A shape taken for another category: none of its parts is found, none counts 1 unless absent
  // from the truth.
  EXPECT_DOUBLE_EQ(shape_iou(ids({0, 1}), ids({3, 3}), labels.categories[1]), 0.5);
}

TEST(PartMetrics, ThreeShapesByHand) {
  PartMetrics metrics(sample_labels());
  metrics.add(0, ids({0, 0, 1, 2}), ids({0, 1, 1, 1}));  // 2 of 4 right, IoU 5/18
  metrics.add(0, ids({0, 1, 2}), ids({0, 1, 2}));        // all right, IoU 1
  metrics.add(1, ids({3, 4}), ids({3, 3}));              // 1 of 2 right, IoU (1/2 + 0) / 2
  EXPECT_EQ(metrics.shapes(), 3);
  EXPECT_DOUBLE_EQ(metrics.accuracy(), 6.0 / 9);
  EXPECT_DOUBLE_EQ(metrics.instance_miou(), (5.0 / 18 + 1.0 + 0.25) / 3);
  EXPECT_DOUBLE_EQ(metrics.class_miou(), ((5.0 / 18 + 1.0) / 2 + 0.25) / 2);
  const auto categories = metrics.per_category();
  ASSERT_EQ(categories.size(), 2U);  // no lamp was seen
  EXPECT_EQ(categories[1].name, "Mug");
  EXPECT_DOUBLE_EQ(categories[1].accuracy, 0.5);
  const nlohmann::json json = to_json(metrics);
  EXPECT_EQ(json.at("shapes"), 3);
  EXPECT_EQ(json.at("per_category").size(), 2U);
  EXPECT_DOUBLE_EQ(json.at("instance_miou").get<double>(), metrics.instance_miou());
}

TEST(PartMetrics, NothingAddedIsZeroAndNonsenseThrows) {
  PartMetrics metrics(sample_labels());
  EXPECT_EQ(metrics.accuracy(), 0.0);
  EXPECT_EQ(metrics.class_miou(), 0.0);
  EXPECT_THROW(metrics.add(3, ids({0}), ids({0})), c10::ValueError);
  EXPECT_THROW(metrics.add(0, ids({0}), ids({0, 1})), c10::ValueError);
  EXPECT_THROW(metrics.add(0, ids({}), ids({})), c10::ValueError);
  EXPECT_EQ(metrics.shapes(), 0);
}

TEST(ClassMetrics, ByHand) {
  ClassMetrics metrics(sample_labels());
  for (const auto& [predicted, truth] : {std::pair{0, 0}, {0, 0}, {1, 0}, {1, 1}, {-1, 1}}) {
    metrics.add(predicted, truth);
  }
  EXPECT_DOUBLE_EQ(metrics.accuracy(), 3.0 / 5);
  EXPECT_DOUBLE_EQ(metrics.class_accuracy(), (2.0 / 3 + 1.0 / 2) / 2);
  EXPECT_EQ(to_json(metrics).at("per_category").at(0).at("shapes"), 3);
  EXPECT_THROW(metrics.add(0, 3), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::train
