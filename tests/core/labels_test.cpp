// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/labels.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
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

TEST(LabelMap, WritesOnlyColoursOfItsOwn) {
  LabelMap labels = sample();
  EXPECT_FALSE(to_json(labels).at("categories").at(0).contains("colors"));
  EXPECT_EQ(labels.part(2).color, part_color(0)) << "the first of its category";
  labels.categories[0].parts[1].color = {1, 2, 3};
  const LabelMap again = label_map_from_json(to_json(labels));
  EXPECT_EQ(again.part(1).color, (Color{1, 2, 3}));
  EXPECT_EQ(again.part(0).color, part_color(0));
}

TEST(Color, HexAndBack) {
  EXPECT_EQ(hex({1, 171, 255}), "#01abff");
  EXPECT_EQ(color_from_hex("#01ABff"), (Color{1, 171, 255}));
  for (const char* text :
       {"", "#", "01abff", "#01abf", "#01abfff", "#01abfg", "#-1abff", "# 1abff"})
    EXPECT_FALSE(color_from_hex(text)) << text;
}

using Vec3 = std::array<double, 3>;
using Matrix = std::array<Vec3, 3>;

Vec3 times(const Matrix& m, const Vec3& v) {
  Vec3 out{};
  for (size_t r = 0; r < 3; ++r)
    for (size_t c = 0; c < 3; ++c) out[r] += m[r][c] * v[c];
  return out;
}

/// Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision
/// deficiency", IEEE TVCG 15(6), 2009: matrices for linear sRGB at severity 1, and normal vision.
constexpr std::pair<const char*, Matrix> kVision[] = {
    {"normal", {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}},
    {"protanopia",
     {{{0.152286, 1.052583, -0.204868},
       {0.114503, 0.786281, 0.099216},
       {-0.003882, -0.048116, 1.051998}}}},
    {"deuteranopia",
     {{{0.367322, 0.860646, -0.227968},
       {0.280085, 0.672501, 0.047413},
       {-0.011820, 0.042940, 0.968881}}}},
    {"tritanopia",
     {{{1.255528, -0.076749, -0.178779},
       {-0.078411, 0.930809, 0.147602},
       {0.004733, 0.691367, 0.303900}}}},
};

/// CIE L*a*b* (D65) of an sRGB colour as it is seen.
Vec3 lab(const Color& color, const Matrix& vision) {
  Vec3 linear{};
  for (size_t c = 0; c < 3; ++c) {
    const double value = color[c] / 255.0;
    linear[c] = value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  }
  linear = times(vision, linear);
  for (double& value : linear) value = std::clamp(value, 0.0, 1.0);
  constexpr Matrix kXyz = {{{0.4124564, 0.3575761, 0.1804375},
                            {0.2126729, 0.7151522, 0.0721750},
                            {0.0193339, 0.1191920, 0.9503041}}};
  Vec3 xyz = times(kXyz, linear);
  constexpr Vec3 kWhite = {0.95047, 1, 1.08883};
  for (size_t c = 0; c < 3; ++c) {
    const double share = xyz[c] / kWhite[c];
    xyz[c] = share > 216.0 / 24389 ? std::cbrt(share) : (24389.0 / 27 * share + 16) / 116;
  }
  return {116 * xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])};
}

double distance(const Color& a, const Color& b, const Matrix& vision) {
  const Vec3 first = lab(a, vision);
  const Vec3 second = lab(b, vision);
  return std::hypot(first[0] - second[0], first[1] - second[1], first[2] - second[2]);
}

TEST(PartColor, IsToldApartByEveryKindOfColourVision) {
  // 2.3 is a just noticeable difference, 10 is seen at a glance.
  const std::pair<int64_t, double> limits[] = {{4, 55}, {8, 28.5}, {12, 20}};
  for (const auto& [name, vision] : kVision) {
    for (const auto& [count, limit] : limits) {
      for (int64_t a = 0; a < count; ++a)
        for (int64_t b = 0; b < a; ++b)
          EXPECT_GT(distance(part_color(a), part_color(b), vision), limit)
              << name << ": " << a << ", " << b;
    }
    for (int64_t place = 0; place < 12; ++place) {
      EXPECT_GT(distance(part_color(place), {255, 255, 255}, vision), 25) << name << place;
      EXPECT_GT(distance(part_color(place), {0, 0, 0}, vision), 25) << name << place;
      EXPECT_GT(distance(part_color(place), {30, 30, 36}, vision), 25) << name << place;
    }
  }
}

TEST(PartColor, TellsAHundredPartsApart) {
  std::set<Color> seen;
  for (int64_t id = 0; id < 100; ++id) seen.insert(part_color(id));
  EXPECT_EQ(seen.size(), 100U);
}

}  // namespace
}  // namespace pointattn
