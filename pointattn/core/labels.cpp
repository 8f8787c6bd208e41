// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/labels.h"

#include "pointattn/core/closest.h"

#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace pointattn {
namespace {

/// Searched for the largest distance in CIE Lab between any two of the first 4, 8 and 12, as seen
/// with normal vision and with simulated protanopia, deuteranopia and tritanopia (Machado, Oliveira
/// and Fernandes 2009, severity 1): at least 29 for the first 8, 20 for all; and at least 25 from
/// white and from black.
constexpr std::array<Color, 12> kPalette = {{
    {88, 51, 191},
    {146, 43, 18},
    {236, 200, 15},
    {116, 211, 245},
    {132, 49, 130},
    {164, 130, 243},
    {245, 83, 145},
    {199, 124, 31},
    {156, 207, 123},
    {15, 107, 84},
    {188, 104, 183},
    {150, 132, 74},
}};

Color listed_color(const std::string& text) {
  const std::optional<Color> color = color_from_hex(text);
  TORCH_CHECK_VALUE(color.has_value(), "label map: expected a colour #rrggbb, got ", text);
  return *color;
}

}  // namespace

std::string hex(const Color& color) {
  char text[8];
  std::snprintf(text, sizeof text, "#%02x%02x%02x", color[0], color[1], color[2]);
  return text;
}

std::optional<Color> color_from_hex(const std::string& text) {
  if (text.size() != 7 || text[0] != '#') return std::nullopt;
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data() + 1, end, value, 16).ptr != end) return std::nullopt;
  return Color{static_cast<uint8_t>(value >> 16),
               static_cast<uint8_t>(value >> 8),
               static_cast<uint8_t>(value)};
}

int64_t LabelMap::num_parts() const {
  int64_t end = 0;
  for (const Category& category : categories) {
    end = std::max(end, category.first_part + static_cast<int64_t>(category.parts.size()));
  }
  return end;
}

const Part& LabelMap::part(int64_t id) const {
  for (const Category& category : categories) {
    const int64_t local = id - category.first_part;
    if (local >= 0 && local < static_cast<int64_t>(category.parts.size()))
      return category.parts[static_cast<size_t>(local)];
  }
  TORCH_CHECK_VALUE(false, "label map: expected a part id below ", num_parts(), ", got ", id);
}

int64_t LabelMap::category_id(const std::string& name) const {
  std::vector<std::string> known;
  std::string all;
  for (size_t i = 0; i < categories.size(); ++i) {
    if (lower(categories[i].name) == lower(name)) return static_cast<int64_t>(i);
    known.push_back(categories[i].name);
    all += (i ? ", " : "") + categories[i].name;
  }
  const std::string near = closest(name, known);
  TORCH_CHECK_VALUE(false,
                    "unknown category '",
                    name,
                    "'",
                    near.empty() ? "." : "; did you mean " + near + "?",
                    " Known: ",
                    all);
}

void Category::add(const std::string& part) {
  parts.push_back({part, part_color(static_cast<int64_t>(parts.size()))});
}

Color part_color(int64_t place) {
  constexpr Color kNoPart = {140, 140, 140};
  if (place < 0) return kNoPart;
  const auto index = static_cast<uint64_t>(place);
  if (index < kPalette.size()) return kPalette[index];
  // More than anyone tells apart: hues by golden-angle steps, in three lightnesses.
  const double hue = std::fmod(static_cast<double>(index) * 0.61803398875, 1.0) * 6.0;
  const double value = index % 3 == 0 ? 0.95 : (index % 3 == 1 ? 0.75 : 0.55);
  const double saturation = index % 2 == 0 ? 0.85 : 0.6;
  Color color{};
  for (int channel = 0; channel < 3; ++channel) {
    const double k = std::fmod(5.0 - 2.0 * channel + hue, 6.0);
    const double part = value - value * saturation * std::max(0.0, std::min({k, 4.0 - k, 1.0}));
    color[static_cast<size_t>(channel)] = static_cast<uint8_t>(std::lround(part * 255.0));
  }
  return color;
}

nlohmann::json to_json(const LabelMap& labels) {
  nlohmann::json categories = nlohmann::json::array();
  for (const Category& category : labels.categories) {
    nlohmann::json parts = nlohmann::json::array();
    nlohmann::json colors = nlohmann::json::array();
    bool own_colors = false;
    for (const Part& part : category.parts) {
      own_colors |= part.color != part_color(static_cast<int64_t>(parts.size()));
      parts.push_back(part.name);
      colors.push_back(hex(part.color));
    }
    categories.push_back(
        {{"name", category.name}, {"first_part", category.first_part}, {"parts", parts}});
    if (own_colors) categories.back()["colors"] = colors;
  }
  return {{"categories", categories}};
}

LabelMap label_map_from_json(const nlohmann::json& json) {
  LabelMap labels;
  try {
    int64_t next = 0;
    for (const nlohmann::json& entry : json.at("categories")) {
      Category category;
      category.name = entry.at("name").get<std::string>();
      category.first_part = entry.value("first_part", next);
      TORCH_CHECK_VALUE(category.first_part == next,
                        "label map: expected ",
                        category.name,
                        " to start at part ",
                        next,
                        ", got ",
                        category.first_part);
      const nlohmann::json parts = entry.value("parts", nlohmann::json::array());
      const nlohmann::json colors = entry.value("colors", nlohmann::json::array());
      for (size_t p = 0; p < parts.size(); ++p) {
        category.add(parts[p].get<std::string>());
        if (p < colors.size()) category.parts[p].color = listed_color(colors[p].get<std::string>());
        ++next;
      }
      labels.categories.push_back(std::move(category));
    }
  } catch (const nlohmann::json::exception& error) {
    TORCH_CHECK_VALUE(false, "label map: ", error.what());
  }
  TORCH_CHECK_VALUE(!labels.categories.empty(),
                    "label map: expected at least one category, got none");
  return labels;
}

}  // namespace pointattn
