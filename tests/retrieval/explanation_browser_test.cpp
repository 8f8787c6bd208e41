// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/labels.h"
#include "tests/retrieval/explanations.h"
#include "tests/support/browser.h"
#include "tests/view/images.h"

namespace pointattn::retrieval {
namespace {

using test::explanation_of;
using test::kHostile;

class ExplanationInBrowser : public test::Browser {
 protected:
  std::filesystem::path page_of(const Explanation& explanation) {
    write_explanation(folder_ / "a.html", explanation);
    return folder_ / "a.html";
  }
  std::vector<int64_t> counts(const std::filesystem::path& page, const std::string& hash) {
    return test::count_colors(test::read_png(picture(page, hash)), {part_color(0), part_color(1)});
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string css(const Color& color) {
  return "background: rgb(" + std::to_string(color[0]) + ", " + std::to_string(color[1]) + ", " +
         std::to_string(color[2]) + ")";
}

TEST_F(ExplanationInBrowser, WordsAndPointsHaveTheColourOfTheirPart) {
  const auto page = page_of(explanation_of("legs, seat"));
  const std::string shown = document(page);
  for (const auto& [word, part] : {std::pair{"legs", 0}, {"seat", 1}}) {
    const size_t at = shown.find(std::string("\">") + word + "</span>");
    ASSERT_NE(at, std::string::npos) << word;
    const size_t begin = shown.rfind("<span", at);
    EXPECT_TRUE(has(shown.substr(begin, at - begin), css(part_color(part)))) << word;
  }
  EXPECT_TRUE(has(shown, "a.ply"));
  EXPECT_TRUE(has(shown, "0.8750"));
  const std::vector<int64_t> all = counts(page, "");
  // Of the second card, one part alone: its points and nothing else of it change.
  const std::vector<int64_t> one = counts(page, "#card=1&part=1");
  EXPECT_LT(one[0], all[0] - 200);
  EXPECT_GT(one[1], all[1] / 2);
}

TEST_F(ExplanationInBrowser, TextsOfStrangersStayTexts) {
  Explanation explanation = explanation_of(kHostile);
  explanation.hits[0].entry.name = kHostile;
  explanation.hits[0].entry.part_names[0] = kHostile;
  explanation.hits[0].entry.sketch = at::Tensor();
  explanation.hits[0].entry.sketch_parts.clear();
  explanation.hits[0].note = kHostile;
  const std::string shown = document(page_of(explanation));
  EXPECT_FALSE(has(shown, "<title>broken</title>"));
  EXPECT_FALSE(has(shown, "<img"));
  EXPECT_TRUE(has(shown, "class=\"nothing\">&lt;/script&gt;&lt;script&gt;"));
}

}  // namespace
}  // namespace pointattn::retrieval
