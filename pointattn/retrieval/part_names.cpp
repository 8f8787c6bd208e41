// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/part_names.h"

#include <algorithm>

namespace pointattn::retrieval {

std::string numbered_part(int64_t part) { return "part " + std::to_string(part + 1); }

std::string part_name(const std::vector<std::string>& names, int64_t part) {
  const std::string& name = names[static_cast<size_t>(part)];
  return name.empty() ? numbered_part(part) : name;
}

std::vector<int64_t> PartTable::places(const std::vector<std::string>& part_names) {
  std::vector<int64_t> places;
  for (int64_t part = 0; part < static_cast<int64_t>(part_names.size()); ++part) {
    const std::string name = part_name(part_names, part);
    const auto known = std::find(names_.begin(), names_.end(), name);
    places.push_back(known - names_.begin());
    if (known == names_.end()) names_.push_back(name);
  }
  return places;
}

Color PartTable::color(int64_t place) const {
  if (names_[static_cast<size_t>(place)] == kWholeShape) return part_color(-1);
  const auto before = names_.begin() + place;
  return part_color(place - std::count(names_.begin(), before, kWholeShape));
}

}  // namespace pointattn::retrieval
