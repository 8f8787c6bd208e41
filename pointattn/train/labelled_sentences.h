// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pointattn::train {

/// Sentences with one class each.
struct LabelledSentences {
  std::vector<std::string> sentences;  ///< UTF-8
  std::vector<int64_t> labels;         ///< a place in `classes` for each sentence
  std::vector<std::string> classes;    ///< names in the order of their bytes, each once
};

}  // namespace pointattn::train
