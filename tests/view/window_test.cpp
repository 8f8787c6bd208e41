// SPDX-License-Identifier: Apache-2.0
// The window of `pointattn view` on a screen in memory, with real keys and a real pointer.
#include "pointattn/core/files.h"
#include "pointattn/core/labels.h"
#include "pointattn/io/cloud.h"
#include "tests/apps/program.h"
#include "tests/view/virtual_display.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>

namespace pointattn::test {
namespace {
namespace fs = std::filesystem;

constexpr int kWidth = 700, kHeight = 560;
constexpr Color kLeft = {216, 27, 96}, kRight = {30, 136, 229};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

at::Tensor is_color(const at::Tensor& picture, const Color& color) {
  return picture.eq(at::tensor({color[0], color[1], color[2]}, at::kByte)).all(-1);
}
int64_t count(const at::Tensor& picture, const Color& color) {
  return is_color(picture, color).sum().item<int64_t>();
}
int64_t inked(const at::Tensor& picture) {
  return picture.numel() / 3 - count(picture, {255, 255, 255});
}

/// A box of points: "left" where x < 0.5, "right" elsewhere; every fourth one flipped on demand.
io::Cloud labelled_box(int64_t points, bool flipped = false) {
  at::manual_seed(3);
  const at::Tensor xyz = at::rand({points, 3});
  at::Tensor label = xyz.select(1, 0).ge(0.5).to(at::kInt);
  if (flipped) label = at::where(at::arange(points).remainder(4).eq(0), 1 - label, label);
  io::Cloud cloud;
  const char* names[] = {"x", "y", "z"};
  for (int64_t axis = 0; axis < 3; ++axis) cloud.set(names[axis], xyz.select(1, axis).contiguous());
  cloud.set("label", label);
  cloud.set("confidence", at::linspace(0.1, 0.9, points).to(at::kFloat));
  cloud.comments = {"category Box", "label 0 Box left #d81b60", "label 1 Box right #1e88e5"};
  return cloud;
}

/// A screen and a folder in which `pointattn view` runs on it.
class WindowTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string missing = missing_display_packages();
    if (!missing.empty())
      GTEST_SKIP() << "no screen in memory: install the Debian packages " << missing;
    if (POINTATTN_HAVE_WINDOW == 0)
      GTEST_SKIP() << "no window in this build: install libopen3d-dev";
    display_ = std::make_unique<VirtualDisplay>(kWidth, kHeight);
  }

  /// Runs a command that opens the window, and gives that the keyboard; returns what it shows.
  at::Tensor open(std::vector<std::string> arguments, const std::string& command = "view") {
    arguments.insert(arguments.begin(), {POINTATTN_PROGRAM_FILE, command});
    arguments.insert(arguments.end(),
                     {"--size", std::to_string(kWidth) + "x" + std::to_string(kHeight)});
    program_ = std::make_unique<Background>(
        std::vector<std::string>{"DISPLAY=" + display_->name(), "LIBGL_ALWAYS_SOFTWARE=1"},
        arguments,
        folder_.path());
    // The screen is black until the window is drawn.
    const at::Tensor picture = display_->picture_when(
        [](const at::Tensor& now) {
          return count(now, {0, 0, 0}) < now.numel() / 30;
        },
        120);
    display_->xdotool("search --onlyvisible --name pointattn windowfocus --sync");
    return picture;
  }
  at::Tensor press(const std::string& keys, const at::Tensor& before) {
    display_->press(keys);
    return changed(before);
  }
  at::Tensor changed(const at::Tensor& before) {
    return display_->picture_when([&](const at::Tensor& now) { return !now.equal(before); });
  }
  int close(const std::string& key = "q") {
    display_->press(key);
    return program_->wait(60);
  }
  /// Puts the pointer on a point of this colour, well inside of it.
  void point_at(const at::Tensor& picture, const Color& color) {
    // The legend's swatches are below.
    const at::Tensor cloud = is_color(picture, color).slice(0, 0, kHeight * 3 / 4);
    const at::Tensor inside =
        at::avg_pool2d(cloud.to(at::kFloat).unsqueeze(0).unsqueeze(0), 5, 1, 2).flatten();
    const int64_t best = inside.argmax().item<int64_t>();
    display_->move_pointer(best % kWidth, best / kWidth);
  }
  std::string file(const std::string& name) const { return folder_ / name; }

  ScratchFolder folder_;
  std::unique_ptr<VirtualDisplay> display_;
  std::unique_ptr<Background> program_;
};

TEST_F(WindowTest, KeysSwitchColoursLegendAndCamera) {
  io::write_cloud(file("box.ply"), labelled_box(3000));
  const at::Tensor labels = open({"box.ply"});
  EXPECT_TRUE(has(program_->err(), "1 label")) << program_->err();
  EXPECT_GT(count(labels, kLeft), 500);
  EXPECT_GT(count(labels, kRight), 500);

  const at::Tensor confidence = press("c", labels);
  EXPECT_LT(count(confidence, kLeft), 20);
  EXPECT_TRUE(press("shift+c", confidence).equal(labels));

  // The legend is the only thing at the foot.
  const auto foot = [](const at::Tensor& picture) { return inked(picture.slice(0, kHeight - 50)); };
  EXPECT_GT(foot(labels), 200);
  EXPECT_GT(count(labels.slice(0, kHeight - 50), kLeft), 50);
  const at::Tensor bare = press("g", labels);
  EXPECT_EQ(count(bare.slice(0, kHeight - 20), kLeft), 0);
  EXPECT_TRUE(press("g", bare).equal(labels));

  const at::Tensor turned = press("Left", labels);
  EXPECT_TRUE(press("Right", turned).equal(labels));
  const at::Tensor nearer = press("Prior", labels);
  EXPECT_GT(inked(nearer), inked(labels));
  EXPECT_TRUE(press("r", nearer).equal(labels));
  const at::Tensor thicker = press("plus", labels);
  EXPECT_GT(inked(thicker), inked(labels));

  display_->move_pointer(350, 250);
  display_->xdotool("mousedown 1");
  display_->xdotool("mousemove_relative 60 10");
  display_->xdotool("mouseup 1");
  changed(thicker);
  EXPECT_EQ(close(), 0);
  EXPECT_EQ(program_->out(), "");
}

TEST_F(WindowTest, PointingSaysWhatAPointIs) {
  io::write_cloud(file("box.ply"), labelled_box(3000));
  const at::Tensor labels = open({"box.ply"});
  point_at(labels, kRight);
  const at::Tensor marked = press("p", labels);
  EXPECT_TRUE(program_->out().starts_with("right  0.")) << program_->out();
  EXPECT_TRUE(has(program_->out(), "point ")) << program_->out();
  EXPECT_GT(count(marked, {0, 0, 0}), 20) << "the ring about the point";

  point_at(labels, kLeft);
  display_->xdotool("keydown shift click 1 keyup shift");
  changed(marked);
  EXPECT_TRUE(has(program_->out(), "\nleft  0.")) << program_->out();
  EXPECT_EQ(close("Escape"), 0);
}

TEST_F(WindowTest, TwoCloudsShareTheCameraAndWrongPointsAreRed) {
  io::write_cloud(file("a.ply"), labelled_box(3000));
  io::write_cloud(file("b.ply"), labelled_box(3000, true));
  const at::Tensor both = open({"a.ply", "b.ply", "--by", "wrong"});
  const at::Tensor red =
      (both.select(2, 0) > 150) & (both.select(2, 1) < 90) & (both.select(2, 2) < 90);
  EXPECT_GT(red.slice(1, 0, kWidth / 2).sum().item<int64_t>(), 300);
  // The same points in the same places, but for the rounding of single pixels.
  const auto differing = [](const at::Tensor& picture) {
    const at::Tensor clouds = picture.slice(0, 60);
    const at::Tensor left = clouds.slice(1, 2, kWidth / 2), right = clouds.slice(1, kWidth / 2 + 2);
    return left.ne(right).any(-1).sum().item<int64_t>();
  };
  EXPECT_LT(differing(both), 200);
  EXPECT_LT(differing(press("Left", both)), 200);
  EXPECT_EQ(close(), 0);
}

TEST_F(WindowTest, TheTruthStandsBesideWhatIsWrong) {
  io::write_cloud(file("box.ply"), labelled_box(3000));
  io::write_cloud(file("truth.ply"), labelled_box(3000, true));
  const at::Tensor both = open({"box.ply", "--truth", "truth.ply"});
  const at::Tensor left = both.slice(1, 0, kWidth / 2), right = both.slice(1, kWidth / 2 + 2);
  EXPECT_LT(count(left, kLeft) + count(left, kRight), 20) << "right and wrong";
  EXPECT_GT(std::min(count(right, kLeft), count(right, kRight)), 300) << "the true parts";
  const at::Tensor labels = press("2", both);
  EXPECT_GT(count(labels.slice(1, 0, kWidth / 2), kLeft), 300);
  EXPECT_EQ(close(), 0);
}

TEST_F(WindowTest, AViewIsSavedAndLoadedAPictureWritten) {
  io::write_cloud(file("box.ply"), labelled_box(2000));
  const at::Tensor first = open({"box.ply"});
  const at::Tensor turned = press("Left", first);
  display_->press("v");
  EXPECT_TRUE(press("r", turned).equal(first));
  EXPECT_TRUE(press("l", first).equal(turned));
  display_->press("s");
  EXPECT_EQ(close(), 0);
  EXPECT_TRUE(has(program_->err(), "view.json")) << program_->err();
  EXPECT_TRUE(nlohmann::json::parse(read_file(folder_ / "view.json")).contains("eye"));
  EXPECT_TRUE(read_file(folder_ / "view.png").starts_with("\x89PNG"));

  EXPECT_TRUE(open({"box.ply", "--load-view", "view.json"}).equal(turned));
  EXPECT_EQ(close(), 0);
}

TEST_F(WindowTest, SegmentOpensItOnItsResult) {
  write_model(folder_ / "m.safetensors");
  io::write_cloud(file("box.ply"), box_cloud(1500));
  const at::Tensor picture =
      open({"box.ply", "--weights", "m.safetensors", "--category", "Mug", "--view"}, "segment");
  EXPECT_GT(inked(picture), 2000);
  display_->move_pointer(kWidth / 2, kHeight * 2 / 5);
  press("p", picture);
  EXPECT_TRUE(has(program_->out(), "point ")) << program_->out();
  EXPECT_EQ(close(), 0);
  EXPECT_TRUE(fs::exists(folder_ / "box_parts.ply"));
}

TEST_F(WindowTest, SearchOpensItOnWhatItFound) {
  fs::create_directory(folder_ / "shapes");
  for (const int points : {600, 900})
    io::write_cloud(folder_ / "shapes" / (std::to_string(points) + ".ply"), box_cloud(points));
  const Call made = pointattn({"embed", "shapes", "-o", "gallery"}, folder_.path());
  ASSERT_EQ(made.code, 0) << made.err;
  const at::Tensor picture = open({"gallery", "a box", "--view"}, "search");
  EXPECT_GT(inked(picture.slice(1, 0, kWidth / 2)), 1000);
  EXPECT_GT(inked(picture.slice(1, kWidth / 2)), 1000);
  press("c", picture);
  EXPECT_EQ(close(), 0);
}

TEST_F(WindowTest, MeshesAreShownAndPicked) {
  write_file(folder_ / "box.off", [](std::ostream& out) {
    out << "OFF\n4 4 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n";
  });
  const at::Tensor mesh = open({"box.off"});
  EXPECT_GT(inked(mesh), 20000) << "faces, not corners";
  display_->move_pointer(kWidth / 2, kHeight * 2 / 5);
  press("p", mesh);
  EXPECT_TRUE(has(program_->out(), "point ")) << program_->out();
  EXPECT_EQ(close(), 0);
}

TEST_F(WindowTest, OddCloudsOpenToo) {
  io::Cloud gaps = labelled_box(60);
  io::Cloud box = labelled_box(60);
  at::Tensor x = box.find("x")->values.clone();
  x.slice(0, 0, 59) = std::numeric_limits<float>::quiet_NaN();
  gaps.set("x", x);
  io::write_cloud(file("gaps.ply"), gaps);
  io::write_cloud(file("one.ply"), labelled_box(1));
  x.fill_(std::numeric_limits<float>::quiet_NaN());
  gaps.set("x", x);
  io::write_cloud(file("none.ply"), gaps);
  for (const char* name : {"gaps.ply", "one.ply", "none.ply"}) {
    const at::Tensor picture = open({name});
    const at::Tensor cloud = picture.slice(0, 0, kHeight - 90);
    EXPECT_EQ(count(cloud, kLeft) + count(cloud, kRight) > 0, std::string(name) != "none.ply")
        << name;
    press("Left", picture.clone().fill_(0));
    EXPECT_EQ(close(), 0) << name << program_->err();
  }
}

TEST_F(WindowTest, FiveMillionPointsOpen) {
  at::manual_seed(4);
  io::Cloud cloud;
  for (const char* name : {"x", "y", "z"}) cloud.set(name, at::rand({5'000'000}));
  io::write_cloud(file("big.ply"), cloud);
  EXPECT_GT(inked(open({"big.ply"})), 40000);
  display_->press("q");
  EXPECT_EQ(program_->wait(240), 0);
}

TEST(Window, WithoutADisplayOneLineNamesTheOtherWays) {
  if (POINTATTN_HAVE_WINDOW == 0) GTEST_SKIP() << "no window in this build: install libopen3d-dev";
  const ScratchFolder folder;
  io::write_cloud(folder / "box.ply", labelled_box(100));
  for (const char* display : {"DISPLAY=", "DISPLAY=:65000"}) {
    Background program(
        {display, "WAYLAND_DISPLAY="}, {POINTATTN_PROGRAM_FILE, "view", "box.ply"}, folder.path());
    EXPECT_EQ(program.wait(120), 1);
    const std::string err = program.err();
    EXPECT_TRUE(err.starts_with("pointattn: error: no window: ")) << err;
    EXPECT_TRUE(has(err, "--screenshot") && has(err, "--html")) << err;
    EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
  }
}

}  // namespace
}  // namespace pointattn::test
