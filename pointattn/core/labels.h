// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pointattn {

using Color = std::array<uint8_t, 3>;  ///< red, green, blue

/// "#rrggbb" and back; nothing for a text that is no such colour.
std::string hex(const Color& color);
std::optional<Color> color_from_hex(const std::string& text);

/// A part of a category; its id is global over the categories of a label map.
struct Part {
  std::string name;
  Color color{};
};

/// A kind of object. Its parts own the ids first_part … first_part + parts.size() - 1.
/// Classification has no parts.
struct Category {
  std::string name;
  int64_t first_part = 0;
  std::vector<Part> parts;

  /// Appends a part with the colour of its place.
  void add(const std::string& part);
};

/// The names behind the numbers of a data set or a model: category ids are positions in
/// `categories`, part ids are global.
struct LabelMap {
  std::vector<Category> categories;

  int64_t num_categories() const { return static_cast<int64_t>(categories.size()); }
  int64_t num_parts() const;
  /// Part with a global id; throws c10::ValueError when there is none.
  const Part& part(int64_t id) const;
  /// Id of a category by name, ignoring case; throws c10::ValueError naming the closest name and
  /// all known ones.
  int64_t category_id(const std::string& name) const;
};

/// Colour of the part at a place (from 0) in its category, so the same part has the same colour
/// everywhere. The first twelve are told apart on white and on black by readers with any of the
/// three kinds of colour blindness; a negative place, which no part has, is grey.
Color part_color(int64_t place);

/// {"categories": [{"name", "first_part", "parts": [names], "colors": ["#rrggbb"]}]}. "colors" is
/// written for a category whose colours are not part_color()'s, and may be absent: so are the
/// `*_meta.json` files of the HDF5 data sets. Overlapping or negative part ids throw
/// c10::ValueError.
nlohmann::json to_json(const LabelMap& labels);
LabelMap label_map_from_json(const nlohmann::json& json);

}  // namespace pointattn
