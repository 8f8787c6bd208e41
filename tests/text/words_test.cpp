// SPDX-License-Identifier: Apache-2.0
#include "pointattn/text/words.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <chrono>

namespace pointattn::text {
namespace {

std::vector<std::string> texts(std::string_view utf8) {
  std::vector<std::string> all;
  for (const Word& word : words_of(utf8)) all.push_back(word.text);
  return all;
}

/// What each word covers of the original.
std::vector<std::string> spans(const std::string& utf8) {
  std::vector<std::string> all;
  for (const Word& word : words_of(utf8))
    all.push_back(utf8.substr(word.begin, word.end - word.begin));
  return all;
}

using Texts = std::vector<std::string>;

TEST(Words, RunsOfLettersAndDigitsInLowerCase) {
  EXPECT_EQ(texts("A Chair, with 4 legs!"), (Texts{"a", "chair", "with", "4", "legs"}));
  EXPECT_EQ(spans("A Chair, with 4 legs!"), (Texts{"A", "Chair", "with", "4", "legs"}));
  EXPECT_EQ(texts("table2go mp3"), (Texts{"table2go", "mp3"}));
  EXPECT_EQ(texts(""), Texts{});
  EXPECT_EQ(texts(" \t\r\n…—/_|"), Texts{});
}

TEST(Words, ApostrophesJoinHyphensSeparatePointsJoinDigits) {
  EXPECT_EQ(texts("It's the chair\xE2\x80\x99s back"), (Texts{"it's", "the", "chair's", "back"}));
  EXPECT_EQ(texts("'quoted' legs' 'tis rock 'n' roll o''clock"),
            (Texts{"quoted", "legs", "tis", "rock", "n", "roll", "o", "clock"}));
  EXPECT_EQ(texts("L-shaped four\xE2\x80\x91legged"), (Texts{"l", "shaped", "four", "legged"}));
  EXPECT_EQ(texts("1.5 m, 1,000 kg. 3."), (Texts{"1.5", "m", "1,000", "kg", "3"}));
  EXPECT_EQ(texts("a chair.It has.5"), (Texts{"a", "chair", "it", "has", "5"}));
}

TEST(Words, ComposedAndDecomposedAreTheSameWordWithTheirOwnRanges) {
  const std::string composed = "a caf\xC3\xA9 table";
  const std::string decomposed = "a cafe\xCC\x81 table";
  EXPECT_EQ(texts(composed), texts(decomposed));
  EXPECT_EQ(texts(composed)[1], "caf\xC3\xA9");
  EXPECT_EQ(spans(decomposed), (Texts{"a", "cafe\xCC\x81", "table"}));
  // Two marks in either order: dot below (class 220) and acute (230).
  EXPECT_EQ(texts("q\xCC\xA3\xCC\x81"), texts("q\xCC\x81\xCC\xA3"));
}

TEST(Words, CompatibilityFormsThatChangeTheLength) {
  const std::string text =
      "o\xEF\xAC\x81t \xEF\xBC\xB4\xEF\xBC\xB6 \xE3\x8E\x8F x\xC2\xB2";  // oﬁt ＴＶ ㎏ ... x²
  EXPECT_EQ(texts(text), (Texts{"ofit", "tv", "kg", "x2"}));
  EXPECT_EQ(spans(text),
            (Texts{"o\xEF\xAC\x81t", "\xEF\xBC\xB4\xEF\xBC\xB6", "\xE3\x8E\x8F", "x\xC2\xB2"}));
  EXPECT_EQ(texts("\xEF\xBC\x91\xEF\xBC\x92"), Texts{"12"});  // full-width digits
  // A half: two words that share its bytes.
  const auto half = words_of("\xC2\xBD leg");
  ASSERT_EQ(half.size(), 3U);
  EXPECT_EQ(half[0].text, "1");
  EXPECT_EQ(half[1].text, "2");
  for (const size_t i : {0, 1}) {
    EXPECT_EQ(half[i].begin, 0U);
    EXPECT_EQ(half[i].end, 2U);
  }
}

TEST(Words, CaseFoldingOfOtherScripts) {
  // ΟΔΟΣ and οδος with a final sigma.
  EXPECT_EQ(texts("\xCE\x9F\xCE\x94\xCE\x9F\xCE\xA3"), texts("\xCE\xBF\xCE\xB4\xCE\xBF\xCF\x82"));
  EXPECT_EQ(texts("STRASSE"),
            texts("Stra\xC3\x9F"
                  "e"));
  // Стул, СТУЛ
  EXPECT_EQ(texts("\xD0\xA1\xD1\x82\xD1\x83\xD0\xBB"), texts("\xD0\xA1\xD0\xA2\xD0\xA3\xD0\x9B"));
  // й composed and decomposed
  EXPECT_EQ(texts("\xD0\xB9"), texts("\xD0\xB8\xCC\x86"));
}

TEST(Words, ArabicKeepsMarksAndDropsJoiners) {
  // كُرْسِيّ أحمر: marks stay inside the word; the Arabic comma separates.
  const std::string text =
      "\xD9\x83\xD9\x8F\xD8\xB1\xD9\x92\xD8\xB3\xD9\x90\xD9\x8A\xD9\x91\xD8\x8C "
      "\xD8\xA3\xD8\xAD\xD9\x85\xD8\xB1";
  EXPECT_EQ(words_of(text).size(), 2U);
  EXPECT_EQ(spans(text)[0], text.substr(0, 16));
  // Persian «می‌شود» with a zero-width non-joiner is the word without it.
  const auto with = words_of("\xD9\x85\xDB\x8C\xE2\x80\x8C\xD8\xB4");
  ASSERT_EQ(with.size(), 1U);
  EXPECT_EQ(with[0].text, "\xD9\x85\xDB\x8C\xD8\xB4");
  EXPECT_EQ(with[0].end, 9U);
  // Soft hyphen inside a word, zero-width space between two.
  EXPECT_EQ(texts("arm\xC2\xADrest"), Texts{"armrest"});
  EXPECT_EQ(texts("arm\xE2\x80\x8Brest"), (Texts{"arm", "rest"}));
}

TEST(Words, ScriptsWithoutSpacesGiveOneWordALetter) {
  // 红椅子2只, L形
  EXPECT_EQ(texts("\xE7\xBA\xA2\xE6\xA4\x85\xE5\xAD\x90"
                  "2\xE5\x8F\xAA"),
            (Texts{"\xE7\xBA\xA2", "\xE6\xA4\x85", "\xE5\xAD\x90", "2", "\xE5\x8F\xAA"}));
  EXPECT_EQ(texts("L\xE5\xBD\xA2"), (Texts{"l", "\xE5\xBD\xA2"}));
  // テーブル: the long mark stays with テ. Half-width ﾃｰﾌﾞﾙ is the same.
  const Texts table = {"\xE3\x83\x86\xE3\x83\xBC", "\xE3\x83\x96", "\xE3\x83\xAB"};
  EXPECT_EQ(texts("\xE3\x83\x86\xE3\x83\xBC\xE3\x83\x96\xE3\x83\xAB"), table);
  EXPECT_EQ(texts("\xEF\xBE\x83\xEF\xBD\xB0\xEF\xBE\x8C\xEF\xBE\x9E\xEF\xBE\x99"), table);
  // เก้าอี้ (chair): marks stay on their consonant.
  EXPECT_EQ(
      texts("\xE0\xB9\x80\xE0\xB8\x81\xE0\xB9\x89\xE0\xB8\xB2\xE0\xB8\xAD\xE0\xB8\xB5\xE0\xB9\x89"),
      (Texts{"\xE0\xB9\x80",
             "\xE0\xB8\x81\xE0\xB9\x89",
             "\xE0\xB8\xB2",
             "\xE0\xB8\xAD\xE0\xB8\xB5\xE0\xB9\x89"}));
  // Hangul is written with spaces; composed syllables and their parts are the same word.
  EXPECT_EQ(texts("\xEC\x9D\x98\xEC\x9E\x90"),
            texts("\xE1\x84\x8B\xE1\x85\xB4\xE1\x84\x8C\xE1\x85\xA1"));
  EXPECT_EQ(texts("\xEC\x9D\x98\xEC\x9E\x90").size(), 1U);
}

TEST(Words, EmojiLoneMarksAndNulSeparate) {
  EXPECT_EQ(texts("red\xF0\x9F\xAA\x91"
                  "chair"),
            (Texts{"red", "chair"}));
  EXPECT_EQ(texts("\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD \xE2\x9D\xA4\xEF\xB8\x8F"), Texts{});
  EXPECT_EQ(texts("\xCC\x81 a"), Texts{"a"});
  const std::string nul("a\0b", 3);
  EXPECT_EQ(texts(nul), (Texts{"a", "b"}));
  EXPECT_EQ(words_of(nul)[1].begin, 2U);
}

TEST(Words, InvalidUtf8NamesThePosition) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"ab\xFF", "0xff at position 2"},
      {"\xC3", "0xc3 at position 0"},              // cut
      {"x\xC0\x80", "0xc0 at position 1"},         // overlong
      {"xy\xED\xA0\x80", "0xed at position 2"},    // surrogate
      {"\xF4\x90\x80\x80", "0xf4 at position 0"},  // beyond U+10FFFF
      {"caf\xE9 table", "0xe9 at position 3"},     // Latin-1
  };
  for (const auto& [text, message] : cases) {
    try {
      (void)words_of(text);
      ADD_FAILURE() << message;
    } catch (const c10::ValueError& error) {
      EXPECT_NE(std::string(error.what_without_backtrace()).find(message), std::string::npos)
          << error.what_without_backtrace();
    }
  }
}

TEST(Words, RangesAreOrderedAndOnCodePointBounds) {
  const std::string text =
      "\xE2\x84\xA1 o\xEF\xAC\x83"
      "ce caf\xC3\xA9\xE6\xA4\x85\xCC\x81 \xC2\xBE-inch";
  size_t before = 0;
  for (const Word& word : words_of(text)) {
    EXPECT_LE(before, word.begin);
    EXPECT_LT(word.begin, word.end);
    ASSERT_LE(word.end, text.size());
    for (const size_t at : {word.begin, word.end}) {
      EXPECT_TRUE(at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80);
    }
    before = word.begin;
    // Normalising again changes nothing.
    EXPECT_EQ(texts(word.text), Texts{word.text});
  }
}

TEST(Words, LongTextsTakeLinearTime) {
  std::string sentence;
  for (int i = 0; i < 10'000; ++i) sentence += "Word" + std::to_string(i) + " ";
  // One letter under half a million marks of alternating classes, which a naive sort takes hours for.
  std::string marks = "a";
  for (int i = 0; i < 250'000; ++i) marks += "\xCC\x81\xCC\xA3";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(words_of(sentence).size(), 10'000U);
  EXPECT_EQ(words_of(marks).size(), 1U);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace pointattn::text
