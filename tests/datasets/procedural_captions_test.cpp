// SPDX-License-Identifier: Apache-2.0
// What is said of generated shapes is true of their points, and is said in plain English.
#include "datasets/procedural.h"
#include "datasets/procedural/captions.h"
#include "tests/datasets/messages.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <regex>
#include <set>

namespace pointattn::datasets {
namespace {

constexpr int64_t kPoints = 6000;

ProceduralShape shape_of(const std::string& kind, uint64_t index, int64_t points = kPoints) {
  return make_shape(procedural_labels().category_id(kind), index, 21, points);
}

/// Facts do not depend on the number of points.
ShapeFacts facts_of(const std::string& kind, uint64_t index) {
  return shape_of(kind, index, 1).facts;
}

at::Tensor points_of(const ProceduralShape& shape, int part) {
  return shape.xyz.index({shape.part.eq(part)});
}

bool has_form(const PartFact& fact, const std::string& form) {
  return std::find(fact.forms.begin(), fact.forms.end(), form) != fact.forms.end();
}

const PartFact* find_fact(const ShapeFacts& facts, const std::string& noun) {
  for (const PartFact& fact : facts.parts) {
    if (fact.noun == noun) return &fact;
  }
  return nullptr;
}

/// Groups of points with no gap of `reach` or more inside them.
int pieces_of(const at::Tensor& points, double reach) {
  const auto count = static_cast<size_t>(points.size(0));
  const at::Tensor rows = points.contiguous();
  const float* xyz = rows.const_data_ptr<float>();
  std::vector<size_t> left(count);
  std::iota(left.begin(), left.end(), 0);
  int pieces = 0;
  while (!left.empty()) {
    ++pieces;
    std::vector<size_t> front{left.back()};
    left.pop_back();
    while (!front.empty()) {
      const float* p = xyz + 3 * front.back();
      front.pop_back();
      const auto near = std::partition(left.begin(), left.end(), [&](size_t i) {
        const float* q = xyz + 3 * i;
        const double sq_dist = (p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) +
                               (p[2] - q[2]) * (p[2] - q[2]);
        return sq_dist >= reach * reach;
      });
      front.insert(front.end(), near, left.end());
      left.erase(near, left.end());
    }
  }
  return pieces;
}

/// A part seen from above: sides of its box, and how far its farthest corner lies outside the
/// ellipse in the box (1 for an ellipse, 2 for a rectangle).
struct Plan {
  double ratio = 0;
  double corner = 0;
};

Plan plan_of(const at::Tensor& points) {
  const at::Tensor seen = points.index_select(1, at::tensor({0, 2}, at::kLong));
  const at::Tensor low = std::get<0>(seen.min(0)), high = std::get<0>(seen.max(0));
  const at::Tensor half = (high - low) / 2;
  const at::Tensor place = (seen - (high + low) / 2) / half;
  return {(half[1] / half[0]).item<double>(), place.square().sum(1).max().item<double>()};
}

class FactsOfEveryCategory : public testing::TestWithParam<std::string> {};

TEST_P(FactsOfEveryCategory, SayWhichPartsAreThere) {
  const LabelMap labels = procedural_labels();
  const auto parts = static_cast<int>(
      labels.categories[static_cast<size_t>(labels.category_id(GetParam()))].parts.size());
  for (uint64_t index = 0; index < 40; ++index) {
    const ProceduralShape shape = shape_of(GetParam(), index);
    EXPECT_FALSE(shape.facts.name.empty());
    std::set<int> told;
    for (const PartFact& fact : shape.facts.parts) {
      ASSERT_GE(fact.part, 0);
      ASSERT_LT(fact.part, parts);
      EXPECT_EQ(points_of(shape, fact.part).size(0) > 0, fact.count > 0)
          << "shape " << index << ", " << fact.count << " " << fact.noun;
      told.insert(fact.part);
    }
    for (int part = 0; part < parts; ++part) {
      const bool there = points_of(shape, part).size(0) > 0;
      EXPECT_TRUE(!there || told.count(part) == 1) << "shape " << index << ", part " << part;
    }
  }
}

TEST_P(FactsOfEveryCategory, GiveManyCaptions) {
  std::set<std::string> all;
  for (uint64_t index = 0; index < 10; ++index) {
    const ShapeFacts facts = facts_of(GetParam(), index);
    const std::vector<std::string> captions = captions_of(facts, 5, index);
    EXPECT_EQ(captions.size(), 5U) << index;
    EXPECT_EQ(std::set<std::string>(captions.begin(), captions.end()).size(), captions.size());
    all.insert(captions.begin(), captions.end());
  }
  EXPECT_GE(all.size(), 25U);
}

TEST_P(FactsOfEveryCategory, AreSaidInPlainEnglish) {
  const std::regex words("[a-z]+(([,.]? )[a-z]+)*");
  const std::regex bad_article("(^|.* )(a [aeiou]|an [^aeiou]).*");
  for (uint64_t index = 0; index < 30; ++index) {
    for (const std::string& caption : captions_of(facts_of(GetParam(), index), 10, 3)) {
      EXPECT_TRUE(std::regex_match(caption, words)) << caption;
      EXPECT_FALSE(std::regex_match(caption, bad_article)) << caption;
    }
  }
}

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const Category& category : procedural_labels().categories) names.push_back(category.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Procedural,
                         FactsOfEveryCategory,
                         testing::ValuesIn(kind_names()),
                         [](const auto& info) { return info.param; });

TEST(ProceduralFacts, CountWhatCanBeCountedInThePoints) {
  const std::pair<const char*, const char*> things[] = {{"table", "leg"},
                                                        {"chair", "leg"},
                                                        {"bed", "leg"},
                                                        {"bed", "pillow"},
                                                        {"sofa", "foot"},
                                                        {"airplane", "wing"},
                                                        {"airplane", "engine"},
                                                        {"car", "wheel"},
                                                        {"skateboard", "wheel"},
                                                        {"skateboard", "truck"},
                                                        {"rocket", "fin"},
                                                        {"glasses", "lens"},
                                                        {"glasses", "temple"},
                                                        {"headphones", "cup"},
                                                        {"lamp", "shade"},
                                                        {"vase", "handle"}};
  for (const auto& [kind, noun] : things) {
    int seen = 0;
    for (uint64_t index = 0; index < 25; ++index) {
      const ProceduralShape shape = shape_of(kind, index);
      const PartFact* fact = find_fact(shape.facts, noun);
      // Bars between the legs make them one piece.
      if (fact == nullptr || find_fact(shape.facts, "crossbar") != nullptr) continue;
      EXPECT_EQ(pieces_of(points_of(shape, fact->part), 0.07), fact->count)
          << kind << " " << index << ", " << noun;
      ++seen;
    }
    EXPECT_GE(seen, 5) << kind << " " << noun;
  }
}

TEST(ProceduralFacts, FormsAreThoseOfThePoints) {
  std::set<std::string> seen;
  for (const auto& [kind, noun] : {std::pair{"chair", "seat"}, {"table", "top"}}) {
    for (uint64_t index = 0; index < 80; ++index) {
      const ProceduralShape shape = shape_of(kind, index);
      const PartFact* fact = find_fact(shape.facts, noun);
      ASSERT_NE(fact, nullptr);
      const Plan plan = plan_of(points_of(shape, fact->part));
      const bool cornered = fact->where == "with sharp corners" || has_form(*fact, "flat");
      seen.insert(fact->forms.begin(), fact->forms.end());
      const bool round = has_form(*fact, "round"), oval = has_form(*fact, "oval");
      const bool square = cornered && has_form(*fact, "square");
      const bool oblong = cornered && has_form(*fact, "rectangular");
      if (round || square) {
        EXPECT_NEAR(plan.ratio, 1, 0.12) << kind << " " << index;
      }
      if (oval || oblong) {
        EXPECT_GT(std::abs(plan.ratio - 1), 0.08) << kind << " " << index;
      }
      if (round || oval) {
        EXPECT_LT(plan.corner, 1.2) << kind << " " << index;
      }
      if (square || oblong) {
        EXPECT_GT(plan.corner, 1.6) << kind << " " << index;
      }
    }
  }
  for (const char* form : {"round", "oval", "square", "rectangular"}) {
    EXPECT_EQ(seen.count(form), 1U) << form;
  }
}

TEST(ProceduralFacts, LowAndTallTablesAre) {
  int low = 0, tall = 0;
  for (uint64_t index = 0; index < 80; ++index) {
    const ProceduralShape shape = shape_of("table", index);
    const at::Tensor size = std::get<0>(shape.xyz.max(0)) - std::get<0>(shape.xyz.min(0));
    const double ratio = (size[1] / size[0]).item<double>();
    for (const std::string& form : shape.facts.forms) {
      EXPECT_TRUE(form != "low" || ratio < 0.45) << index;
      EXPECT_TRUE(form != "tall" || ratio > 0.6) << index;
      low += form == "low" ? 1 : 0;
      tall += form == "tall" ? 1 : 0;
    }
  }
  EXPECT_GE(low, 5);
  EXPECT_GE(tall, 5);
}

TEST(ProceduralFacts, AStoolHasNoBack) {
  int stools = 0;
  for (uint64_t index = 0; index < 100; ++index) {
    const ShapeFacts facts = facts_of("chair", index);
    const PartFact* back = find_fact(facts, "back");
    ASSERT_NE(back, nullptr);
    EXPECT_EQ(back->count == 0, facts.name == "stool");
    stools += facts.name == "stool" ? 1 : 0;
  }
  EXPECT_GE(stools, 1);
  EXPECT_LE(stools, 20);
}

ShapeFacts sample_facts() {
  return {"chair",
          {"tall"},
          {{0, 1, "seat", {"round"}, ""}, {1, 4, "leg", {"thin"}, ""}, {2, 0, "arms", {}, ""}}};
}

TEST(Captions, AreFixedByTheirArguments) {
  const ShapeFacts facts = sample_facts();
  EXPECT_EQ(captions_of(facts, 12, 5), captions_of(facts, 12, 5));
  EXPECT_NE(captions_of(facts, 12, 5), captions_of(facts, 12, 6));
  const std::vector<std::string> few = captions_of(facts, 4, 5), many = captions_of(facts, 12, 5);
  EXPECT_EQ(few, std::vector<std::string>(many.begin(), many.begin() + 4));
}

TEST(Captions, SayNothingThatIsNotAFact) {
  bool whole = false, one_part = false, all_parts = false;
  for (const std::string& caption : captions_of(sample_facts(), 400, 1)) {
    const auto has = [&](const char* word) { return caption.find(word) != std::string::npos; };
    EXPECT_TRUE(has("chair")) << caption;
    EXPECT_EQ(has("arm"), has("no arm")) << caption;
    // Numbers belong to the legs only, and there are four.
    for (const char* wrong : {"two", "three", "five", "wide", "square", "thick", "back"}) {
      EXPECT_FALSE(has(wrong)) << caption;
    }
    EXPECT_TRUE(!has("four") || has("legs")) << caption;
    const int parts = has("seat") + has("legs") + has("arm");
    whole |= parts == 0;
    one_part |= parts == 1;
    all_parts |= parts == 3;
  }
  EXPECT_TRUE(whole && one_part && all_parts);
}

TEST(Captions, KnowIrregularPlurals) {
  std::string all;
  for (const char* noun : {"foot", "shelf", "lens", "row of books"}) {
    const ShapeFacts facts{"thing", {}, {{0, 2, noun, {}, ""}}};
    for (const std::string& caption : captions_of(facts, 6, 1)) all += caption + "\n";
  }
  for (const char* words : {"two feet", "two shelves", "two lenses", "two rows of books"}) {
    EXPECT_NE(all.find(words), std::string::npos) << words << " in\n" << all;
  }
}

TEST(Captions, AreAsManyAsTheFactsGive) {
  EXPECT_TRUE(captions_of(sample_facts(), 0, 1).empty());
  EXPECT_EQ(captions_of({"thing", {}, {}}, 9, 1), (std::vector<std::string>{"a thing"}));
  EXPECT_COMPLAINT(captions_of(sample_facts(), -1, 1), "-1");
  EXPECT_COMPLAINT(captions_of({}, 3, 1), "named shape");
}

}  // namespace
}  // namespace pointattn::datasets
