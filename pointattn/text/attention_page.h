// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/text/words.h"

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

namespace pointattn::text {

/// A sentence and how it was read.
struct ReadSentence {
  std::string sentence;     ///< UTF-8, as the user wrote it
  std::vector<Word> words;  ///< of words_of()
  at::Tensor attention;     ///< [words,W]
  std::string heading;      ///< what was made of it, such as the class
};

/// Writes one self-contained HTML page (no network, no script): for each sentence the paper's two
/// pictures (Lin et al., ICLR 2017, §4.4), the sum of all hops normalised to 1, and each hop on its
/// own, as heat over the user's own words. A hop's colour is relative to its largest weight; the
/// weight itself stands in a word's tooltip. Words that share bytes share their weights' sum. Every
/// text is escaped. Throws c10::ValueError when attention and words do not fit the sentence.
void write_attention_page(const std::filesystem::path& path,
                          const std::string& title,
                          const std::vector<ReadSentence>& sentences);

}  // namespace pointattn::text
