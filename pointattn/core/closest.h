// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace pointattn {

/// The text in lower case (ASCII).
std::string lower(std::string text);

/// The candidate nearest to a mistyped word (edit distance without regard to case, at most 3 and
/// less than the word's length); empty when none is near.
std::string closest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace pointattn
