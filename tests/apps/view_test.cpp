// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/files.h"
#include "tests/apps/program.h"
#include "tests/support/data.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>

namespace pointattn::test {
namespace {
namespace fs = std::filesystem;

/// Width and height in the header of a PNG file; 0 for anything else.
std::pair<uint32_t, uint32_t> png_size(const fs::path& path) {
  const std::string bytes = read_file(path);
  if (bytes.size() < 24 || !bytes.starts_with("\x89PNG\r\n")) return {0, 0};
  const auto number = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
    return value;
  };
  return {number(16), number(20)};
}

/// A scratch folder with a labelled cloud a.ply; calls run inside it, without a display.
class View : public testing::Test {
 protected:
  View() {
    ::unsetenv("DISPLAY");
    ::unsetenv("WAYLAND_DISPLAY");
    io::Cloud cloud = box_cloud(400);
    cloud.set("label", at::arange(400, at::kInt).remainder(2));
    cloud.set("confidence", at::full({400}, 0.5, at::kFloat));
    cloud.comments = {"category Chair", "label 0 Chair leg #5833bf", "label 1 Chair seat #922b12"};
    io::write_cloud(file("a.ply"), cloud);
  }
  Call call(const std::vector<std::string>& arguments) {
    return pointattn(arguments, folder_.path());
  }
  fs::path file(const std::string& name) const { return folder_ / name; }
  int64_t entries() const {
    return std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator());
  }

  ScratchFolder folder_;
};

TEST_F(View, WritesWhatIsAskedFor) {
  const Call made = call({"view",
                          "a.ply",
                          "--screenshot",
                          "a.png",
                          "--html",
                          "a.html",
                          "--turntable",
                          "a.gif",
                          "--size",
                          "200x150"});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.out, "written: a.png\nwritten: a.gif\nwritten: a.html\n");
  EXPECT_EQ(png_size(file("a.png")), std::pair(200U, 150U));
  EXPECT_TRUE(read_file(file("a.gif")).starts_with("GIF89a"));
  EXPECT_TRUE(has(read_file(file("a.html")), "seat"));
}

TEST_F(View, ColouringsSheetsAndPairs) {
  ASSERT_EQ(call({"view", "a.ply", "--screenshot", "label.png", "--size", "300x200"}).code, 0);
  for (const char* by : {"label", "confidence", "height"}) {
    const Call made =
        call({"view", "a.ply", "--by", by, "--screenshot", "by.png", "--size", "300x200"});
    ASSERT_EQ(made.code, 0) << made.err;
    EXPECT_EQ(read_file(file("by.png")) == read_file(file("label.png")), std::string(by) == "label")
        << by;
  }
  ASSERT_EQ(call({"view", "a.ply", "--views", "4", "--screenshot", "four.png"}).code, 0);
  EXPECT_EQ(png_size(file("four.png")), std::pair(1280U, 960U));
  ASSERT_EQ(call({"view", "a.ply", "a.ply", "--screenshot", "two.png"}).code, 0);
  ASSERT_EQ(
      call({"view", "a.ply", "--up", "z", "--screenshot", "up.png", "--size", "300x200"}).code, 0);
  EXPECT_NE(read_file(file("up.png")), read_file(file("label.png")));
}

TEST_F(View, TheTruthIsACloudOrPlainLabels) {
  std::string labels;
  for (int i = 0; i < 400; ++i) labels += i < 40 ? "1\n" : std::to_string(i % 2) + "\n";
  write_file(file("truth.txt"), [&](std::ostream& out) { out << labels; });
  for (const char* truth : {"truth.txt", "a.ply"}) {
    const Call made = call({"view", "a.ply", "--truth", truth, "--html", "t.html"});
    ASSERT_EQ(made.code, 0) << made.err;
    // 20 of 400 points have the other label.
    EXPECT_EQ(has(read_file(file("t.html")), "\"wrong\",\"color\":\"#d62020\",\"share\":\"5.0 %\""),
              std::string(truth) == "truth.txt");
  }
  write_file(file("short.txt"), [&](std::ostream& out) { out << "1\n2\n"; });
  const Call made = call({"view", "a.ply", "--truth", "short.txt", "--html", "u.html"});
  EXPECT_EQ(made.code, 1);
  EXPECT_TRUE(has(made.err, "short.txt: expected 400 labels, one for each point, got 2"))
      << made.err;
}

TEST_F(View, AViewIsSavedAndLoaded) {
  ASSERT_EQ(
      call({"view", "a.ply", "--screenshot", "a.png", "--size", "300x200", "--save-view", "v.json"})
          .code,
      0);
  nlohmann::json view = nlohmann::json::parse(read_file(file("v.json")));
  ASSERT_EQ(
      call({"view", "a.ply", "--screenshot", "b.png", "--size", "300x200", "--load-view", "v.json"})
          .code,
      0);
  EXPECT_EQ(read_file(file("a.png")), read_file(file("b.png")));
  view["fov"] = 60;
  write_file(file("v.json"), [&](std::ostream& out) { out << view; });
  ASSERT_EQ(
      call({"view", "a.ply", "--screenshot", "b.png", "--size", "300x200", "--load-view", "v.json"})
          .code,
      0);
  EXPECT_NE(read_file(file("a.png")), read_file(file("b.png")));
}

TEST_F(View, PagesSaveAndLoadTheViewToo) {
  const Call saved = call({"view", "a.ply", "--html", "a.html", "--save-view", "v.json"});
  ASSERT_EQ(saved.code, 0) << saved.err;
  EXPECT_EQ(saved.out, "written: a.html\nwritten: v.json\n");
  nlohmann::json view = nlohmann::json::parse(read_file(file("v.json")));
  view["fov"] = 61.5;
  write_file(file("v.json"), [&](std::ostream& out) { out << view; });
  ASSERT_EQ(call({"view", "a.ply", "--html", "b.html", "--load-view", "v.json"}).code, 0);
  EXPECT_TRUE(has(read_file(file("b.html")), "\"fov\":61.5"));
}

TEST_F(View, PointsThatAreNotFiniteAreNoted) {
  write_file(file("nan.xyz"), [](std::ostream& out) { out << "0 0 0\nnan 1 1\n1 1 1\n"; });
  const Call made = call({"view", "nan.xyz", "--screenshot", "n.png"});
  EXPECT_EQ(made.code, 0);
  EXPECT_EQ(made.err, "note: nan.xyz: 1 point is not finite and left out\n");
}

TEST_F(View, SegmentShowsItsResults) {
  write_model(file("m.safetensors"));
  io::write_cloud(file("in.ply"), box_cloud(300));
  const Call made = call(
      {"segment", "in.ply", "--weights", "m.safetensors", "--screenshot", "in.png", "--json", "-"});
  ASSERT_EQ(made.code, 0) << made.err;
  const auto json = nlohmann::json::parse(made.out);
  EXPECT_EQ(json.at("pictures"), nlohmann::json::array({"in.png"}));
  EXPECT_EQ(png_size(file("in.png")).first, 1280U);

  const Call several = call({"segment",
                             "in.ply",
                             "a.ply",
                             "--weights",
                             "m.safetensors",
                             "-o",
                             "out",
                             "--screenshot",
                             "seen",
                             "--size",
                             "200x150"});
  ASSERT_EQ(several.code, 0) << several.err;
  EXPECT_EQ(png_size(file("seen") / "in_parts.png").first, 200U);
  EXPECT_EQ(png_size(file("seen") / "a_parts.png").first, 200U);
}

TEST_F(View, SegmentKeepsItsSummaryWhereNoWindowOpens) {
  write_model(file("m.safetensors"));
  const Call made =
      call({"segment", "a.ply", "--weights", "m.safetensors", "--view", "--json", "s.json"});
  EXPECT_EQ(made.code, 1);
  EXPECT_EQ(lines(made.err), 1) << made.err;
  EXPECT_EQ(nlohmann::json::parse(read_file(file("s.json"))).at("points"), 400);
}

TEST_F(View, FailuresAreOneLineAndLeaveNothing) {
  write_file(file("file"), [](std::ostream& out) { out << "x"; });
  const int64_t before = entries();
  struct Case {
    std::vector<std::string> arguments;
    int code;
    std::string message;
  };
  const std::vector<Case> cases = {
      {{"view", "a.ply", "--by", "hieght", "--screenshot", "a.png"}, 2, "did you mean height?"},
      {{"view", "a.ply", "a.ply", "a.ply", "--screenshot", "a.png"}, 2, "one cloud, or two"},
      {{"view", "a.ply", "--screenshot", "a.jpg"}, 2, "ends in .png"},
      {{"view", "a.ply", "--turntable", "a.avi"}, 2, "ends in .gif or .mp4"},
      {{"view", "a.ply", "--screenshot", "a.png", "--size", "12"}, 2, "WIDTHxHEIGHT"},
      {{"view", "a.ply", "--screenshot", "no/a.png"}, 1, "no/a.png"},
      {{"view", "a.ply", "--html", "file/a.html"}, 1, "file/a.html"},
      {{"view", "a.ply", "--screenshot", "a.png", "--load-view", "file"},
       1,
       "expected a saved view"},
      {{"view", "none.ply", "--screenshot", "a.png"}, 1, "none.ply"},
      {{"view", "a.ply"}, 1, ""},  // no display: one line, whatever the viewer of this build
  };
  for (const Case& wrong : cases) {
    const Call made = call(wrong.arguments);
    EXPECT_EQ(made.code, wrong.code) << made.err;
    EXPECT_EQ(lines(made.err), 1) << made.err;
    EXPECT_TRUE(made.err.starts_with("pointattn: error: ")) << made.err;
    EXPECT_TRUE(has(made.err, wrong.message)) << made.err;
    EXPECT_EQ(entries(), before) << wrong.message;
  }
}

}  // namespace
}  // namespace pointattn::test
