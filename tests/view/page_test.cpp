// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/page.h"

#include "pointattn/core/files.h"
#include "tests/support/browser.h"
#include "tests/view/clouds.h"
#include "tests/view/images.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

namespace pointattn::view {
namespace {
namespace fs = std::filesystem;

const std::vector<Color> kColors = {part_color(0), part_color(1), part_color(2)};
const std::string kHostile =
    "</script><script>document.title='broken'</script><img src=x "
    "onerror=\"document.title='broken'\">";

io::Cloud wall() {
  io::Cloud cloud = test::striped_wall(3000, {1, 1, 1}, {"first", "second", "third"});
  cloud.set("confidence", at::full({3000}, 0.75, at::kFloat));
  return cloud;
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// The JSON that the page holds.
nlohmann::json data_of(const std::string& page) {
  const std::string open = R"(<script type="application/json" id="data">)";
  const size_t begin = page.find(open) + open.size();
  return nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

TEST(Page, IsOneFileWithEverything) {
  const test::ScratchFolder folder;
  EXPECT_EQ(write_page(folder / "a.html", make_scene(wall(), "wall.ply")), "");
  const std::string page = read_file(folder / "a.html");
  EXPECT_EQ(count(page, "http:") + count(page, "https:") + count(page, " src="), 0U);
  const nlohmann::json panel = data_of(page).at("panels").at(0);
  EXPECT_EQ(panel.at("points"), 3000);
  EXPECT_EQ(panel.at("position").get<std::string>().size(), 3000U * 6 / 3 * 4);
  EXPECT_EQ(panel.at("colorings").at(0).at("entries").at(1).at("name"), "second");
}

TEST(Page, LargeCloudsAreThinnedAndSaid) {
  const test::ScratchFolder folder;
  const Scene scene = make_scene(wall(), "wall.ply");
  EXPECT_EQ(write_page(folder / "a.html", scene, "", 1000),
            "wall.ply: the page shows 1,000 of 3,000 points");
  const nlohmann::json data = data_of(read_file(folder / "a.html"));
  EXPECT_EQ(data.at("panels").at(0).at("points"), 1000);
  EXPECT_EQ(data.at("notes").size(), 1U);
  EXPECT_THROW(write_page(folder / "no" / "a.html", scene), c10::Error);
  EXPECT_THROW(write_page(folder / "b.html", scene, "", 0), c10::ValueError);
}

TEST(Page, NamesAreText) {
  const test::ScratchFolder folder;
  write_page(folder / "plain.html", make_scene(wall(), "a"));
  write_page(
      folder / "a.html",
      make_scene(test::striped_wall(100, {1, 1}, {kHostile, "{{data}}"}), kHostile + "{{data}}"));
  const std::string page = read_file(folder / "a.html");
  EXPECT_EQ(count(page, "<script"), count(read_file(folder / "plain.html"), "<script"));
  EXPECT_EQ(data_of(page).at("panels").at(0).at("colorings").at(0).at("entries").at(1).at("name"),
            "{{data}}");
}

TEST(Page, NothingToShow) {
  const test::ScratchFolder folder;
  write_page(folder / "a.html", make_scene(test::cloud_of(at::zeros({0, 3})), "none"));
  EXPECT_EQ(data_of(read_file(folder / "a.html")).at("panels").at(0).at("points"), 0);
}

class PageInBrowser : public test::Browser {
 protected:
  std::vector<int64_t> counts(const fs::path& page, const std::string& hash) {
    // Without the legend at the right, which has the colours too.
    return test::count_colors(test::read_png(picture(page, hash)).slice(1, 0, 620), kColors);
  }
};

TEST_F(PageInBrowser, ShowsEveryPartAndHidesWhatIsSwitchedOff) {
  const fs::path page = folder_ / "a.html";
  write_page(page, make_scene(wall(), "wall.ply"));
  const std::vector<int64_t> all = counts(page, "");
  for (size_t i = 0; i < 3; ++i) EXPECT_GT(all[i], 5000) << i;
  const std::vector<int64_t> some = counts(page, "#hide=0,2");
  EXPECT_EQ(some[0], 0);
  EXPECT_NEAR(
      static_cast<double>(some[1]), static_cast<double>(all[1]), 0.1 * static_cast<double>(all[1]));
  EXPECT_EQ(some[2], 0);
  const std::vector<int64_t> height = counts(page, "#by=height");
  EXPECT_LT(height[1], all[1] / 10) << "other colours";
}

TEST_F(PageInBrowser, TellsWhatIsUnderThePointer) {
  const fs::path page = folder_ / "a.html";
  write_page(page, make_scene(wall(), "wall.ply"));
  const std::string shown = document(page, "#point=0.5,0.5");
  const size_t tip = shown.find("id=\"tip\"");
  ASSERT_NE(tip, std::string::npos);
  const std::string text = shown.substr(tip, shown.find("</div>", tip) - tip);
  EXPECT_NE(text.find("second  0.75"), std::string::npos) << text;
  EXPECT_NE(text.find("point "), std::string::npos) << text;
}

TEST_F(PageInBrowser, RunsNoNameFromAFile) {
  const fs::path page = folder_ / "a.html";
  write_page(page, make_scene(test::striped_wall(100, {1, 1}, {kHostile, "ok"}), kHostile));
  const std::string shown = document(page);
  EXPECT_EQ(count(shown, "<title>broken</title>"), 0U);
  EXPECT_EQ(count(shown, "<img"), 0U);
  EXPECT_GE(count(shown, "&lt;/script&gt;&lt;script&gt;"), 2U)
      << "shown as it is, in title and legend";
}

TEST_F(PageInBrowser, SaysSoWithoutWebGl) {
  const fs::path page = folder_ / "a.html";
  write_page(page, make_scene(wall(), "wall.ply"));
  const std::string shown = browse(page, "", "--disable-3d-apis --dump-dom");
  EXPECT_NE(shown.find("id=\"trouble\" style=\"display: flex;\""), std::string::npos);
  EXPECT_NE(shown.find("second"), std::string::npos) << "the legend is there";
}

}  // namespace
}  // namespace pointattn::view
