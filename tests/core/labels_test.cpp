// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/labels.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>

namespace pointattn {
namespace {

LabelMap sample() {
  return label_map_from_json(nlohmann::json::parse(
      R"({"categories": [{"name": "Chair", "first_part": 0, "parts": ["leg", "seat"]}, {"name": "Mug", "first_part": 2, "parts": ["body"]}]})"));
}

TEST(LabelMap, FindsPartsAndCategories) {
  const LabelMap labels = sample();
  EXPECT_EQ(labels.num_parts(), 3);
  EXPECT_EQ(labels.part(1).name, "seat");
  EXPECT_EQ(labels.category_id("mug"), 1);
  EXPECT_THROW((void)labels.part(3), c10::ValueError);
  EXPECT_THROW((void)labels.part(-1), c10::ValueError);
}

TEST(LabelMap, UnknownCategorySuggestsTheClosest) {
  try {
    (void)sample().category_id("chiar");
    FAIL();
  } catch (const c10::ValueError& error) {
    EXPECT_STREQ(error.what_without_backtrace(),
                 "unknown category 'chiar'; did you mean Chair? Known: Chair, Mug");
  }
}

TEST(LabelMap, SurvivesJson) {
  const LabelMap labels = sample();
  const LabelMap again = label_map_from_json(to_json(labels));
  EXPECT_EQ(to_json(again), to_json(labels));
  EXPECT_THROW(label_map_from_json(nlohmann::json::parse(R"({"categories": []})")),
               c10::ValueError);
  EXPECT_THROW(label_map_from_json(nlohmann::json::parse(R"({"categories": [{"parts": 3}]})")),
               c10::ValueError);
  EXPECT_THROW(label_map_from_json(nlohmann::json::parse(
                   R"({"categories": [{"name": "A", "first_part": 7, "parts": ["b"]}]})")),
               c10::ValueError);
}

TEST(PartColor, TellsAHundredPartsApart) {
  std::set<Color> seen;
  for (int64_t id = 0; id < 100; ++id) seen.insert(part_color(id));
  EXPECT_EQ(seen.size(), 100U);
}

}  // namespace
}  // namespace pointattn
