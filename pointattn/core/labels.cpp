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

Color part_color(int64_t id) {
  // Golden-angle steps in hue with three lightness levels, after the habit of map makers.
  const double hue = std::fmod(static_cast<double>(id) * 0.61803398875, 1.0) * 6.0;
  const double value = id % 3 == 0 ? 0.95 : (id % 3 == 1 ? 0.75 : 0.55);
  const double saturation = id % 2 == 0 ? 0.85 : 0.6;
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
    for (const Part& part : category.parts) {
      parts.push_back(part.name);
      colors.push_back(hex(part.color));
    }
    categories.push_back({{"name", category.name},
                          {"first_part", category.first_part},
                          {"parts", parts},
                          {"colors", colors}});
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
        const Color color =
            p < colors.size() ? listed_color(colors[p].get<std::string>()) : part_color(next);
        category.parts.push_back({parts[p].get<std::string>(), color});
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
