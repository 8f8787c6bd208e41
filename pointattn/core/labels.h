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

/// Colour of a part id: the same part has the same colour everywhere. Neighbouring ids differ
/// strongly.
Color part_color(int64_t id);

/// {"categories": [{"name", "first_part", "parts": [names], "colors": ["#rrggbb"]}]}. Reading also
/// takes the `*_meta.json` files of the HDF5 data sets (parts without colours); overlapping or
/// negative part ids throw c10::ValueError.
nlohmann::json to_json(const LabelMap& labels);
LabelMap label_map_from_json(const nlohmann::json& json);

}  // namespace pointattn
