// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/scene.h"

#include "pointattn/view/numbers.h"
#include "pointattn/view/printable.h"
#include "tests/view/clouds.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace pointattn::view {
namespace {

using test::cloud_of;
using test::striped_wall;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

at::Tensor numbers(std::initializer_list<double> values) {
  return at::tensor(std::vector<double>(values), at::kDouble).view({-1, 3});
}

TEST(Scene, LabelsComeWithNamesColoursAndShares) {
  const io::Cloud cloud = striped_wall(5000, {1, 3}, {"left side", "right"}, 7);
  const Scene scene = make_scene(cloud, "wall.ply");
  ASSERT_EQ(scene.panels.size(), 1U);
  const Panel& panel = scene.panels.front();
  const Coloring& coloring = panel.coloring("");
  EXPECT_EQ(coloring.name, "label");
  EXPECT_EQ(coloring.legend.title, "Wall");
  ASSERT_EQ(coloring.legend.entries.size(), 2U);
  EXPECT_EQ(coloring.legend.entries[0].name, "left side");
  EXPECT_EQ(coloring.legend.entries[0].color, part_color(0));
  EXPECT_EQ(coloring.legend.entries[1].id, 8);
  EXPECT_NEAR(coloring.legend.entries[0].share, 0.25, 0.02);
  EXPECT_NEAR(coloring.legend.entries[0].share + coloring.legend.entries[1].share, 1, 1e-12);
  for (const int64_t i : {0, 17, 4999}) {
    const int64_t entry = coloring.entry[i].item<int64_t>();
    EXPECT_EQ(panel.label[i].item<int64_t>(), 7 + entry);
    for (int64_t c = 0; c < 3; ++c)
      EXPECT_EQ(coloring.rgb[i][c].item<int>(), part_color(entry)[static_cast<size_t>(c)]);
  }
  EXPECT_EQ(facts(panel, 17).part, panel.label[17].item<int64_t>() == 7 ? "left side" : "right");
}

TEST(Scene, EveryFieldIsAColouring) {
  io::Cloud cloud = cloud_of(test::random_points(50, 1));
  cloud.set("confidence", at::linspace(0, 1, 50));
  cloud.set("intensity", at::arange(50, at::kShort));
  cloud.set("classification", at::arange(50, at::kByte).remainder(3));
  for (const char* name : {"red", "green", "blue"}) cloud.set(name, at::full({50}, 9, at::kByte));
  for (const char* name : {"orig_red", "orig_green", "orig_blue"})
    cloud.set(name, at::full({50}, 77, at::kByte));
  const Panel panel = make_scene(cloud, "a").panels.front();
  for (const char* name : {"color", "confidence", "height", "intensity", "classification"})
    EXPECT_NE(panel.find(name), nullptr) << name;
  EXPECT_EQ(panel.find("red"), nullptr);
  EXPECT_TRUE(panel.find("color")->rgb.eq(77).all().item<bool>()) << "the file's own colours";
  EXPECT_EQ(panel.find("classification")->legend.entries.size(), 3U);
  ASSERT_TRUE(panel.find("intensity")->legend.ramp);
  EXPECT_EQ(panel.find("intensity")->legend.ramp->high, 49);
  const at::Tensor ramp = panel.find("confidence")->rgb;
  for (int64_t c = 0; c < 3; ++c) {
    EXPECT_EQ(ramp[0][c].item<int>(), ramp_color(0)[static_cast<size_t>(c)]);
    EXPECT_EQ(ramp[49][c].item<int>(), ramp_color(1)[static_cast<size_t>(c)]);
  }
}

TEST(Scene, LabelsThatWereSetAsideKeepTheirNames) {
  io::Cloud cloud = striped_wall(100, {1, 1}, {"left", "right"});
  cloud.set("orig_label", at::full({100}, 1, at::kInt));
  cloud.comments.insert(cloud.comments.begin(), "orig_label 1 Fence post #010203");
  const Panel panel = make_scene(cloud, "a").panels.front();
  EXPECT_EQ(panel.find("orig_label")->legend.entries.at(0).name, "post");
  EXPECT_EQ(panel.find("orig_label")->legend.entries.at(0).color, (Color{1, 2, 3}));
  EXPECT_EQ(panel.find("label")->legend.entries.at(1).name, "right");
}

TEST(Scene, PointsThatAreNotFiniteAreLeftOutAndSaid) {
  io::Cloud cloud = cloud_of(numbers({0, 0, 0, kNan, 1, 1, 1, 2, 3, 4, 1e300, 5, 2, 2, 2}));
  cloud.set("label", at::arange(5, at::kInt));
  cloud.triangles = at::tensor(std::vector<int64_t>{0, 2, 4, 0, 1, 2}, at::kLong).view({2, 3});
  const Scene scene = make_scene(cloud, "a.ply");
  const Panel& panel = scene.panels.front();
  EXPECT_EQ(panel.points(), 3);
  EXPECT_TRUE(panel.rows.equal(at::tensor(std::vector<int64_t>{0, 2, 4}, at::kLong)));
  EXPECT_EQ(panel.label[1].item<int64_t>(), 2);
  EXPECT_TRUE(panel.triangles.equal(at::arange(3, at::kLong).view({1, 3})));
  ASSERT_EQ(scene.notes.size(), 1U);
  EXPECT_EQ(scene.notes.front(), "a.ply: 2 points are not finite and left out");
  EXPECT_EQ(facts(panel, 2).row, 4);
}

TEST(Scene, UtmCoordinatesKeepTheirDetail) {
  const io::Cloud cloud =
      cloud_of(numbers({500000.125, 4500000.25, 10, 500001.125, 4500000.75, 11}));
  const Panel panel = make_scene(cloud, "a").panels.front();
  EXPECT_LT(panel.xyz.abs().max().item<float>(), 2);
  EXPECT_NEAR(facts(panel, 1).xyz[0], 500001.125, 1e-6);
  EXPECT_NEAR(facts(panel, 0).xyz[1], 4500000.25, 1e-6);
  EXPECT_EQ(facts_line(panel, 1), "(500001.12500, 4500000.75000, 11.00000)  point 1");
}

TEST(Scene, NothingAndOnePoint) {
  const Scene none = make_scene(cloud_of(at::zeros({0, 3})), "none");
  EXPECT_EQ(none.panels.front().points(), 0);
  EXPECT_FALSE(none.panels.front().colorings.empty());
  EXPECT_EQ(make_scene(cloud_of(numbers({kNan, 0, 0})), "nan").panels.front().points(), 0);
  const Scene one = make_scene(cloud_of(numbers({5, 5, 5})), "one");
  EXPECT_EQ(one.panels.front().spacing, 0);
  EXPECT_EQ(one.panels.front().coloring("height").legend.ramp->low, 5);
  EXPECT_THROW(make_scene(io::Cloud{}, "no xyz"), c10::ValueError);
  EXPECT_THROW(make_scene(cloud_of(at::zeros({1, 3})), "a", 3), c10::ValueError);
}

TEST(Scene, WrongPointsAreRedInPairs) {
  const io::Cloud prediction = striped_wall(1000, {1, 1}, {"a", "b"});
  io::Cloud truth = cloud_of(prediction.xyz());  // numbers only: the names come from the other file
  at::Tensor label = prediction.find("label")->values.clone();
  label.slice(0, 0, 100).fill_(1);
  truth.set("label", label);
  const Scene scene = make_scene(prediction, "p", truth, "t");
  ASSERT_EQ(scene.panels.size(), 2U);
  EXPECT_EQ(scene.panels[1].coloring("label").legend.entries[0].name, "a");
  const at::Tensor differs = label.ne(prediction.find("label")->values);
  for (const Panel& panel : scene.panels) {
    const Coloring* wrong = panel.find("wrong");
    ASSERT_NE(wrong, nullptr);
    EXPECT_TRUE(wrong->entry.ne(0).equal(differs));
    EXPECT_NEAR(
        wrong->legend.entries[1].share, differs.to(at::kDouble).mean().item<double>(), 1e-12);
    const Color red = wrong->legend.entries[1].color;
    EXPECT_TRUE(red[0] > 200 && red[1] < 60 && red[2] < 60);
  }
  EXPECT_EQ(scene.panels[0].origin, scene.panels[1].origin);
  // Another number of points: nothing to compare.
  const Scene other = make_scene(prediction, "p", striped_wall(999, {1, 1}, {"a", "b"}), "t");
  EXPECT_EQ(other.panels[0].find("wrong"), nullptr);
}

TEST(Scene, CloudsFarApartAreShownAboutTheirOwnMiddle) {
  const at::Tensor xyz = test::random_points(100, 2).to(at::kDouble);
  const Scene far = make_scene(cloud_of(xyz), "a", cloud_of(xyz + 1e6), "b");
  EXPECT_TRUE(far.panels[0].xyz.allclose(far.panels[1].xyz, 0, 1e-6));
  EXPECT_EQ(far.notes.size(), 1U);
  const Scene near = make_scene(cloud_of(xyz), "a", cloud_of(xyz + 1), "b");
  EXPECT_TRUE(near.panels[1].xyz.allclose(near.panels[0].xyz + 1, 0, 1e-5));
  EXPECT_TRUE(near.notes.empty());
}

TEST(Scene, ACloudThatWouldBeADotIsSaid) {
  const at::Tensor xyz = test::random_points(100, 4).to(at::kDouble);
  const Scene scene = make_scene(cloud_of(xyz), "metres", cloud_of(xyz * 1000), "millimetres");
  ASSERT_EQ(scene.notes.size(), 1U);
  EXPECT_EQ(scene.notes[0], "metres is 1000 times smaller than millimetres: the same unit?");
  EXPECT_TRUE(make_scene(cloud_of(xyz), "a", cloud_of(xyz * 3), "b").notes.empty());
}

TEST(Scene, HostileLabelsAndNames) {
  io::Cloud cloud = cloud_of(test::random_points(3000, 3));
  cloud.set("label", at::arange(3000, at::kLong) * 1'000'000'007);
  EXPECT_TRUE(make_scene(cloud, "ids").panels.front().coloring("label").legend.ramp)
      << "too many for a legend";
  cloud.set("label", at::arange(3000, at::kInt).remainder(4) - 1);
  cloud.comments = {"label",
                    "label x",
                    "label 0",
                    "label 0 #zzzzzz",
                    "label 0 A #12345",
                    "label 99999999999999999999 A b #123456",
                    "label 1 A \xFF\x01\n<b> #010203",
                    "label 2  #040506",
                    "label 0 #010203"};
  const Panel panel = make_scene(cloud, "\x1B[31m").panels.front();
  const auto& entries = panel.coloring("label").legend.entries;
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].name, "label -1");
  EXPECT_EQ(entries[2].name, "\uFFFD\uFFFD\uFFFD<b>");
  EXPECT_EQ(panel.title, "\uFFFD[31m");
}

TEST(Printable, IsValidUtf8InOneLine) {
  EXPECT_EQ(printable("Grüße, 椅子"), "Grüße, 椅子");
  EXPECT_EQ(printable("a\nb\tc\x7F"), "a\uFFFDb\uFFFDc\uFFFD");
  EXPECT_EQ(printable("\xC0\xAF|\xED\xA0\x80|\xF5\x80\x80\x80|\xE2\x82"),
            "\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD\uFFFD|\uFFFD\uFFFD");
  EXPECT_EQ(printable("\u202Eabc"), "\uFFFD\uFFFD\uFFFDabc") << "no change of direction";
  EXPECT_EQ(printable(std::string(500, 'x')), std::string(80, 'x') + "…");
}

TEST(Numbers, TicksTellTheirNumbersApart) {
  const auto texts = [](double low, double high) {
    std::string all;
    for (const Tick& tick : ticks(low, high, 3)) all += tick.text + " ";
    return all;
  };
  EXPECT_EQ(texts(0, 1), "0.00 0.50 1.00 ");
  EXPECT_EQ(texts(4500000.25, 4500000.75), "4500000.25 4500000.50 4500000.75 ");
  EXPECT_EQ(texts(0, 200), "0 100 200 ");
  EXPECT_EQ(texts(-0.001, 1), "0.00 0.50 1.00 ");
  EXPECT_EQ(ticks(3, 3, 3).size(), 1U);
  EXPECT_EQ(thousands(1234567), "1,234,567");
  EXPECT_EQ(thousands(-123), "-123");
  EXPECT_EQ(percent(0.3421), "34.2 %");
  EXPECT_EQ(percent(1e-9), "<0.1 %");
}

}  // namespace
}  // namespace pointattn::view
