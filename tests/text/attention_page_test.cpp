// SPDX-License-Identifier: Apache-2.0
#include "pointattn/text/attention_page.h"

#include "pointattn/core/files.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pointattn::text {
namespace {

std::string page_of(const ReadSentence& read) {
  const test::ScratchFolder folder;
  write_attention_page(folder / "page.html", "Orders & <b>", {read});
  return read_file(folder / "page.html");
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string word(const char* strength, const char* weight, const std::string& text) {
  return std::string("<i style=\"background:rgba(230,90,20,") + strength + ")\" title=\"" + weight +
         "\">" + text + "</i>";
}

TEST(AttentionPage, ShowsEachHopAndTheirNormalisedSumOverTheUsersWords) {
  const std::string sentence = "A Caf\xC3\xA9, red!";
  const at::Tensor attention = at::tensor({0.5, 0.0, 0.3, 0.2, 0.2, 0.8}, at::kDouble).view({3, 2});
  const std::string page = page_of({sentence, words_of(sentence), attention, "fetch (0.98)"});
  EXPECT_TRUE(has(page, "<h2>fetch (0.98)</h2>"));
  // Hop 1: 0.5 0.3 0.2, hop 2: 0 0.2 0.8, their sum: 0.25 0.25 0.5.
  EXPECT_TRUE(has(page,
                  "<p class=\"sum\" dir=\"auto\">" + word("0.500", "0.250", "A") + " " +
                      word("0.500", "0.250", "Caf\xC3\xA9") + ", " + word("1.000", "0.500", "red") +
                      "!</p>"))
      << page;
  EXPECT_TRUE(has(page,
                  "hop 1</span><p dir=\"auto\">" + word("1.000", "0.500", "A") + " " +
                      word("0.600", "0.300", "Caf\xC3\xA9") + ", " +
                      word("0.400", "0.200", "red")));
  EXPECT_TRUE(has(page, "hop 2</span><p dir=\"auto\">" + word("0.000", "0.000", "A")));
  EXPECT_FALSE(has(page, "hop 3"));
}

TEST(AttentionPage, EscapesEveryText) {
  const std::string sentence("<script>alert(\"x\")</script> & \0 b", 33);
  const auto words = words_of(sentence);
  const std::string page =
      page_of({sentence, words, at::ones({static_cast<int64_t>(words.size()), 1}), "<img src=x>&"});
  EXPECT_TRUE(has(page, "Orders &amp; &lt;b&gt;"));
  EXPECT_TRUE(has(page, "&lt;img src=x&gt;&amp;"));
  EXPECT_FALSE(has(page, "<script"));
  EXPECT_FALSE(has(page, "<img"));
  EXPECT_TRUE(has(page, "(&quot;"));
  EXPECT_EQ(page.find('\0'), std::string::npos);
  for (const char* source : {"http:", "https:", "src=\"", "href"}) EXPECT_FALSE(has(page, source));
}

TEST(AttentionPage, WordsThatShareBytesAddUp) {
  const std::string sentence = "\xC2\xBD leg";  // ½ leg
  const at::Tensor attention = at::tensor({0.25, 0.25, 0.5}).view({3, 1});
  const std::string page = page_of({sentence, words_of(sentence), attention, ""});
  EXPECT_TRUE(has(page, word("1.000", "0.500", "\xC2\xBD") + " " + word("1.000", "0.500", "leg")));
}

TEST(AttentionPage, SentencesWithoutWordsAndMisfits) {
  EXPECT_TRUE(has(page_of({"?!", {}, at::empty({0, 2}), ""}), "dir=\"auto\">?!</p>"));
  EXPECT_THROW(page_of({"red", words_of("red"), at::ones({2, 1}), ""}), c10::ValueError);
  EXPECT_THROW(page_of({"red", words_of("a red mug"), at::ones({3, 1}), ""}), c10::ValueError);
  EXPECT_THROW(page_of({"red", words_of("red"), at::ones({1}), ""}), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::text
