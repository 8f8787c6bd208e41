// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"

#include <cstdint>
#include <string>
#include <vector>

namespace pointattn::retrieval {

/// Name of the row that stands for the whole shape, where a network has one.
inline constexpr const char* kWholeShape = "whole";

/// What a part without a name is called, by its row: "part 3" for row 2.
std::string numbered_part(int64_t part);

/// Name of a part for people: its own, or numbered_part().
std::string part_name(const std::vector<std::string>& names, int64_t part);

/// The parts of several shapes that are shown together. Parts of one name are one part and have one
/// colour, in whichever shape and row they are.
class PartTable {
 public:
  /// The place of each part of a shape; names that are new are appended.
  std::vector<int64_t> places(const std::vector<std::string>& part_names);

  const std::vector<std::string>& names() const { return names_; }

  /// part_color() in the order of appearance; the whole shape, which is no part, is grey.
  Color color(int64_t place) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace pointattn::retrieval
