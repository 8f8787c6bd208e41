// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pointattn::text {

/// A word of a sentence.
struct Word {
  std::string text;  ///< normalised, UTF-8, never empty
  size_t begin = 0;  ///< bytes [begin,end) of the original sentence, on code point bounds
  size_t end = 0;
};

/// The words of a sentence in their order, normalised by compatibility composition (NFKC) with full
/// case folding, code points that Unicode calls ignorable dropped: "ﬁ" is "fi", "Ⅳ" is "iv", "ς" is
/// "σ", a decomposed "é" is the composed one.
///
/// A word is a maximal run of letters, marks and digits; a mark never begins one. Joined to it are
///   - an apostrophe (' or ’, normalised to ') between letters: "it's" is one word;
///   - a point or comma between decimal digits: "1.5" is one word.
/// A hyphen separates: "L-shaped" and "L shaped" are the same two words, however the writer spells
/// such compounds. Scripts that write without spaces (Han, Kana, Thai, Lao, Myanmar, Khmer) give
/// one word a letter with its marks and modifier letters (ー, 々, ๆ). Symbols and emoji are no words.
///
/// A character that normalises to more than one word ("½": "1", "2") gives each of them its whole
/// byte range. Time and memory are linear in the text. Throws c10::ValueError with the byte
/// position where the text is not UTF-8.
std::vector<Word> words_of(std::string_view utf8);

}  // namespace pointattn::text
