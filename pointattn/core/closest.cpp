// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/closest.h"

#include <algorithm>
#include <cctype>
#include <numeric>

namespace pointattn {
namespace {

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row.back();
}

}  // namespace

std::string lower(std::string text) {
  for (char& letter : text)
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return text;
}

std::string closest(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t distance = std::min<size_t>(4, word.size());
  for (const std::string& candidate : candidates) {
    const size_t d = edit_distance(lower(candidate), lower(word));
    if (d >= distance) continue;
    best = candidate;
    distance = d;
  }
  return best;
}

}  // namespace pointattn
