// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/files.h"
#include "pointattn/retrieval/part_names.h"
#include "tests/retrieval/explanations.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace pointattn::retrieval {
namespace {

using test::explanation_of;
using test::kHostile;

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

std::string page_of(const Explanation& explanation) {
  const test::ScratchFolder folder;
  write_explanation(folder / "a.html", explanation);
  return read_file(folder / "a.html");
}

/// The JSON that the page holds.
nlohmann::json data_of(const std::string& page) {
  const std::string open = R"(<script type="application/json" id="data">)";
  const size_t begin = page.find(open) + open.size();
  return nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

nlohmann::json data_of(const Explanation& explanation) { return data_of(page_of(explanation)); }

TEST(Met, WordsMeetPartsThroughPhrases) {
  // Word 0 speaks in phrase 0 alone, which met row 0; word 1 in both. Rows 1 and 2 are one part.
  const at::Tensor attention = at::tensor({0.75, 0.0, 0.25, 1.0}).view({2, 2});
  const at::Tensor correspondence = at::tensor({1.0, 0.0, 0.0, 0.0, 0.5, 0.5}).view({2, 3});
  const Met met = met_parts(attention, correspondence, {0, 1, 1});
  EXPECT_TRUE(
      at::allclose(met.share, at::tensor({1.0, 0.0, 0.2, 0.8}).view({2, 2}).to(at::kDouble)));
  EXPECT_TRUE(at::equal(met.part, at::tensor({0, 1}, at::kLong)));
  EXPECT_TRUE(at::allclose(met.weight, at::tensor({0.5, 0.5}).to(at::kDouble)));
  // Word 0 has 0.75 of the loudest word's 1.25; word 1's 0.8 lies 0.4 of the way from the even 2/3.
  EXPECT_TRUE(at::allclose(met.strength, at::tensor({0.6, 0.4}).to(at::kDouble)));
}

TEST(Met, AnEvenMeetingSaysNothing) {
  const Met met =
      met_parts(at::tensor({1.0, 0.0}).view({2, 1}), at::full({1, 4}, 0.25), {0, 1, 2, 3});
  EXPECT_NEAR(met.strength[0].item<double>(), 0, 1e-12);
  EXPECT_NEAR(met.strength[1].item<double>(), 0, 1e-12) << "a word that no phrase attends to";
  EXPECT_TRUE(at::allclose(met.share[1], at::full({4}, 0.25, at::kDouble)));
  EXPECT_THROW(met_parts(at::ones({2, 2}), at::ones({1, 4}), {0, 1, 2, 3}), c10::ValueError);
  EXPECT_THROW(met_parts(at::ones({2, 1}), at::ones({1, 4}), {0, 1}), c10::ValueError);
  EXPECT_THROW(met_parts(-at::ones({2, 1}), at::ones({1, 1}), {0}), c10::ValueError);
  EXPECT_THROW(met_parts(at::full({1, 1}, NAN), at::ones({1, 1}), {0}), c10::ValueError);
}

TEST(PartTable, OneNameOneColourAndTheWholeShapeIsGrey) {
  PartTable table;
  EXPECT_EQ(table.places({"leg", "whole", "", "leg"}), (std::vector<int64_t>{0, 1, 2, 0}));
  EXPECT_EQ(table.places({"back", "leg"}), (std::vector<int64_t>{3, 0}));
  EXPECT_EQ(table.names(), (std::vector<std::string>{"leg", "whole", "part 3", "back"}));
  EXPECT_EQ(table.color(0), part_color(0));
  EXPECT_EQ(table.color(1), part_color(-1));
  EXPECT_EQ(table.color(2), part_color(1));
  EXPECT_EQ(table.color(3), part_color(2));
}

TEST(ExplanationPage, HoldsEveryWordInTheColourOfItsPart) {
  const std::string page = page_of(explanation_of("A chair, thin legs"));
  EXPECT_EQ(count(page, "http:") + count(page, "https:") + count(page, " src="), 0U);
  const nlohmann::json data = data_of(page);
  std::string sentence;
  std::vector<std::string> words;
  for (const auto& piece : data.at("text")) {
    sentence += piece.at(0);
    if (piece.at(1).get<int>() >= 0) words.push_back(piece.at(0));
  }
  EXPECT_EQ(sentence, "A chair, thin legs");
  EXPECT_EQ(words, (std::vector<std::string>{"A", "chair", "thin", "legs"}));
  ASSERT_EQ(data.at("hits").size(), 2U);
  // Word i speaks in phrase i % 2, which met part i % 2 in both shapes.
  for (const auto& hit : data.at("hits")) {
    ASSERT_EQ(hit.at("words").size(), 4U);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(hit.at("words")[i][0], i % 2) << i;
    EXPECT_EQ(hit.at("sketch").at("parts").size(), 40U);
    EXPECT_EQ(hit.at("sketch").at("xyz").size(), 120U);
  }
  EXPECT_EQ(data.at("parts")[0], (nlohmann::json{"leg", hex(part_color(0))}));
  EXPECT_EQ(data.at("parts")[1], (nlohmann::json{"seat", hex(part_color(1))}));
  EXPECT_EQ(data.at("hits")[0].at("score"), 0.875);
  EXPECT_EQ(data.at("hits")[0].at("parts")[1], (nlohmann::json{1, 0.5}));
}

TEST(ExplanationPage, TextsOfStrangersStayTexts) {
  Explanation explanation = explanation_of(kHostile + " {{data}}");
  explanation.title = explanation.subtitle = kHostile;
  explanation.hits[0].entry.name = kHostile;
  explanation.hits[0].entry.part_names[0] = kHostile;
  explanation.hits[0].note = kHostile + "\xFF";
  const std::string page = page_of(explanation);
  const std::string plain = page_of(explanation_of("chair"));
  for (const char* tag : {"<script", "</script", "<img", "<!--"})
    EXPECT_EQ(count(page, tag), count(plain, tag)) << tag;
  const nlohmann::json data = data_of(page);
  EXPECT_EQ(data.at("title"), kHostile);
  EXPECT_EQ(data.at("parts")[0][0], kHostile);
  EXPECT_EQ(data.at("hits")[0].at("note"), kHostile + "\xEF\xBF\xBD");
}

TEST(ExplanationPage, AMissingCloudIsNoted) {
  Explanation explanation = explanation_of("chair");
  explanation.hits[0].entry.sketch = at::Tensor();
  explanation.hits[0].entry.sketch_parts.clear();
  explanation.hits[0].note = "a.ply: no such file";
  const nlohmann::json data = data_of(explanation);
  EXPECT_TRUE(data.at("hits")[0].at("sketch").is_null());
  EXPECT_EQ(data.at("hits")[0].at("note"), "a.ply: no such file");
  EXPECT_EQ(data.at("hits")[0].at("parts").size(), 2U) << "its parts are known all the same";
  EXPECT_FALSE(data.at("hits")[1].at("sketch").is_null());
}

TEST(ExplanationPage, SaysWhatItLeavesOut) {
  std::string sentence;
  for (int i = 0; i < 600; ++i) sentence += "leg ";
  Explanation explanation = explanation_of(sentence);
  explanation.hits.resize(150, explanation.hits.front());
  explanation.hits[0].entry.sketch = at::randn({4000, 3});
  explanation.hits[0].entry.sketch_parts.assign(4000, 1);
  const nlohmann::json data = data_of(explanation);
  EXPECT_EQ(data.at("hits").size(), 100U);
  EXPECT_EQ(data.at("hits")[0].at("words").size(), 500U);
  EXPECT_EQ(data.at("hits")[0].at("sketch").at("parts").size(), 1500U);
  EXPECT_EQ(data.at("notes").size(), 2U);
}

TEST(ExplanationPage, MisfitsAreRefusedAndNothingIsWritten) {
  const test::ScratchFolder folder;
  const auto path = folder / "a.html";
  Explanation beyond = explanation_of("chair leg");
  beyond.words[1].end = 100;
  EXPECT_THROW(write_explanation(path, beyond), c10::ValueError);
  Explanation turned = explanation_of("chair leg");
  std::swap(turned.words[0], turned.words[1]);
  EXPECT_THROW(write_explanation(path, turned), c10::ValueError);
  Explanation part = explanation_of("chair leg");
  part.hits[1].entry.sketch_parts[3] = 2;
  EXPECT_THROW(write_explanation(path, part), c10::ValueError);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_THROW(write_explanation(folder / "no" / "a.html", explanation_of("chair")), c10::Error);
}

}  // namespace
}  // namespace pointattn::retrieval
