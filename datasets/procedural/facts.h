// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace pointattn::datasets {

/// What a generated shape has of one thing. Words are English, ASCII, lower case.
struct PartFact {
  int part = 0;                    ///< that it belongs to: position in the parts of the category
  int count = 1;                   ///< 0: the shape has no point of this part
  std::string noun;                ///< singular ("leg", "row of books"); as after "no" for count 0
  std::vector<std::string> forms;  ///< adjectives that are true of each, in the order of speech
  std::string where;               ///< "under the wings", or nothing
};

/// What its builder knows of a shape, in words. Sizes are relations inside the shape ("tall" for
/// its width), since shapes are scaled to one size, and are named only where they are distinct: what
/// is neither thin nor thick has no word for it.
struct ShapeFacts {
  std::string name;                ///< "chair", or more closely "stool"; plural for "glasses"
  std::vector<std::string> forms;  ///< of the whole
  std::vector<PartFact> parts;     ///< in the order of building
};

/// `small` up to `low`, `large` from `high`, nothing between.
inline std::string size_word(
    double value, double low, double high, const char* small, const char* large) {
  return value <= low ? small : (value >= high ? large : "");
}

/// Form of a superellipse (see ellipse()) whose sides are as 1 to `ratio`: round, oval, or between
/// a round and a rectangle.
inline std::string oval_word(double ratio, double power) {
  if (power > 2.4) return "rounded";
  return ratio > 0.9 && ratio < 1.11 ? "round" : "oval";
}

/// Form of a rectangle whose sides are as 1 to `ratio`.
inline std::string rectangle_word(double ratio) {
  return ratio > 0.9 && ratio < 1.11 ? "square" : "rectangular";
}

}  // namespace pointattn::datasets
