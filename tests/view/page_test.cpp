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

#include <algorithm>
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
  EXPECT_EQ(write_page(folder / "a.html", scene, "", {}, 1000),
            "wall.ply: the page shows 1,000 of 3,000 points");
  const nlohmann::json data = data_of(read_file(folder / "a.html"));
  EXPECT_EQ(data.at("panels").at(0).at("points"), 1000);
  EXPECT_EQ(data.at("notes").size(), 1U);
  EXPECT_EQ(write_page(folder / "b.html", make_scene(wall(), "a", wall(), "b"), "", {}, 1000),
            "a: the page shows 1,000 of 3,000 points; b: the page shows 1,000 of 3,000 points");
  EXPECT_THROW(write_page(folder / "no" / "a.html", scene), c10::Error);
  EXPECT_THROW(write_page(folder / "b.html", scene, "", {}, 0), c10::ValueError);
}

TEST(Page, ShowsTheFieldThatIsAskedForAlsoBehindManyOthers) {
  const test::ScratchFolder folder;
  io::Cloud cloud = wall();
  for (int field = 0; field < 20; ++field)
    cloud.set("field_" + std::to_string(field), at::arange(3000, at::kFloat));
  const auto shows = [&](const std::string& by) {
    write_page(folder / "a.html", make_scene(cloud, "wall.ply"), by);
    const nlohmann::json data = data_of(read_file(folder / "a.html"));
    const nlohmann::json& colorings = data.at("panels").at(0).at("colorings");
    return std::any_of(colorings.begin(), colorings.end(), [](const nlohmann::json& coloring) {
      return coloring.at("name") == "field_19";
    });
  };
  EXPECT_TRUE(shows("field_19"));
  EXPECT_FALSE(shows("")) << "a page has room for a dozen";
}

TEST(Page, BeginsFromTheCamera) {
  const test::ScratchFolder folder;
  const Scene scene = make_scene(wall(), "wall.ply");
  const Camera camera{{1, 2, 30}, {0, 0, 1}, {0, 0, 1}, 45};
  write_page(folder / "a.html", scene, "", camera);
  const nlohmann::json seen = data_of(read_file(folder / "a.html")).at("camera");
  EXPECT_EQ(seen,
            nlohmann::json({{"eye", {1.0, 2.0, 30.0}},
                            {"target", {0.0, 0.0, 1.0}},
                            {"up", {0.0, 0.0, 1.0}},
                            {"fov", 45.0}}));
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
  /// The page with a script behind it that does what a hand would: press(x, y), drag(x, y),
  /// release(x, y), move(x, y).
  fs::path with_hand(const fs::path& page, const std::string& what) {
    const std::string hand = R"(<script>{
      canvas.setPointerCapture = () => {};  // which knows real pointers only
      const send = (type, buttons) => (clientX, clientY) => canvas.dispatchEvent(
          new PointerEvent(type, { pointerId: 7, clientX, clientY, buttons, bubbles: true }));
      const press = send("pointerdown", 1), drag = send("pointermove", 1);
      const move = send("pointermove", 0), release = send("pointerup", 0);)";
    write_file(folder_ / "hand.html",
               [&](std::ostream& out) { out << read_file(page) << hand << what << "}</script>"; });
    return folder_ / "hand.html";
  }
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

TEST_F(PageInBrowser, TheMouseTurnsItSwitchesPartsAndPoints) {
  const fs::path page = folder_ / "a.html";
  write_page(page, make_scene(wall(), "wall.ply"));
  const std::vector<int64_t> all = counts(page, "");
  const auto after = [&](const std::string& what) { return counts(with_hand(page, what), ""); };
  // From the front right to the right edge of the wall, from where it is a line.
  const std::vector<int64_t> turned =
      after("press(400, 300); drag(330, 300); drag(280, 300); release(280, 300);");
  for (size_t i = 0; i < 3; ++i) EXPECT_LT(turned[i], all[i] / 3) << i;
  const std::vector<int64_t> switched =
      after("document.querySelectorAll('.entry input')[1].click();");
  EXPECT_EQ(switched[1], 0);
  EXPECT_GT(switched[0], 5000);
  const std::string shown = document(with_hand(page, "move(315, 350);"));
  EXPECT_NE(shown.find("second  0.75<small>("), std::string::npos);
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
