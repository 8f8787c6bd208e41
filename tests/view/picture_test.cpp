// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/picture.h"

#include "pointattn/core/files.h"
#include "tests/support/data.h"
#include "tests/view/clouds.h"
#include "tests/view/images.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <limits>
#include <numeric>

namespace pointattn::view {
namespace {

using test::count_colors;
using test::find_image;
using test::on_white;
using test::striped_wall;

const std::vector<double> kShares = {0.1, 0.2, 0.3, 0.4};
const std::vector<std::string> kNames = {"leg", "seat", "back", "arm"};
const std::vector<Color> kColors = {part_color(0), part_color(1), part_color(2), part_color(3)};

/// From straight before the wall.
Camera front(const Scene& scene, const PictureOptions& options) {
  return fit(scene, panel_aspect(scene, options), 0, 0);
}

at::Tensor picture_of(const Scene& scene, const PictureOptions& options = {}) {
  return on_white(draw_picture(scene, {front(scene, options)}, options));
}

bool has_pixel(const at::Tensor& image, const Color& color, int tolerance = 0) {
  const at::Tensor wanted =
      at::tensor(std::vector<int64_t>{color[0], color[1], color[2]}, at::kInt);
  return (image.to(at::kInt) - wanted).abs().le(tolerance).all(2).any().item<bool>();
}

TEST(Picture, EveryLabelHasItsColourInItsShare) {
  // Many points, drawn small, and few, drawn as balls.
  for (const int64_t points : {60000, 1500}) {
    const Scene scene = make_scene(striped_wall(points, kShares, kNames), "wall");
    PictureOptions options{"", 640, 480, 0, false};
    const at::Tensor image = picture_of(scene, options);
    const std::vector<int64_t> counts = count_colors(image, kColors);
    const int64_t all = std::accumulate(counts.begin(), counts.end() - 1, int64_t{0});
    EXPECT_GT(all, 640 * 480 / 3) << "the wall fills the picture";
    for (size_t i = 0; i < kShares.size(); ++i) {
      EXPECT_NEAR(static_cast<double>(counts[i]) / static_cast<double>(all), kShares[i], 0.03)
          << points << ' ' << kNames[i];
      EXPECT_TRUE(has_pixel(image, kColors[i], 4)) << "unshaded somewhere: " << kNames[i];
    }
    EXPECT_LT(counts.back(), all / 5) << "no other colours but at the edges";
  }
}

TEST(Picture, TheNearerOneIsSeen) {
  io::Cloud cloud = striped_wall(20000, {1}, {"near"});
  at::Tensor z = at::zeros({20000}, at::kDouble);
  z.slice(0, 0, 10000).fill_(-0.5);
  cloud.set("z", z);
  at::Tensor label = at::zeros({20000}, at::kInt);
  label.slice(0, 0, 10000).fill_(1);
  cloud.set("label", label);
  const Scene scene = make_scene(cloud, "two walls");
  const std::vector<int64_t> counts =
      count_colors(picture_of(scene, {"", 400, 400, 0, false}), {part_color(0), part_color(1)});
  EXPECT_GT(counts[0], 40 * counts[1]);
}

TEST(Picture, HoldsTheLegendAsItIsAlone) {
  const Scene scene = make_scene(striped_wall(5000, kShares, kNames), "wall.ply");
  const PictureOptions options{"", 800, 600};
  const at::Tensor image = picture_of(scene, options);
  LegendOptions alone;
  alone.text_size = 11;
  const at::Tensor legend = on_white(draw_legend(scene.panels[0].coloring("").legend, alone));
  const auto [row, column] = find_image(image, legend, 3);
  ASSERT_GE(row, 0) << "the legend is not in the picture";
  EXPECT_GT(column, 500) << "at the right";
  for (const Color& color : kColors) EXPECT_TRUE(has_pixel(legend, color)) << "a swatch";
}

TEST(Picture, NamesAndSharesAreDrawn) {
  const auto legend_of = [](const std::vector<std::string>& names,
                            const std::vector<double>& shares) {
    const Scene scene = make_scene(striped_wall(5000, shares, names), "wall.ply");
    return draw_legend(scene.panels[0].coloring("").legend);
  };
  const auto ink = [](const at::Tensor& image) {
    return on_white(image).lt(128).all(2).sum().item<int64_t>();
  };
  const at::Tensor first = legend_of(kNames, kShares);
  EXPECT_GT(ink(first), 200) << "dark text";
  EXPECT_TRUE(first.equal(legend_of(kNames, kShares))) << "the same every time";
  EXPECT_FALSE(first.equal(legend_of({"leg", "seat", "back", "arn"}, kShares)));
  EXPECT_FALSE(first.equal(legend_of(kNames, {0.1, 0.2, 0.4, 0.3})));
  const at::Tensor longer =
      legend_of({"leg", "seat", "back", "a much longer name of a part"}, kShares);
  EXPECT_GT(longer.size(1), first.size(1) + 50);
  EXPECT_GT(ink(longer), ink(first));
}

TEST(Picture, TitlesAreDrawn) {
  const PictureOptions options{"", 640, 480};
  const auto named = [&](const char* title) {
    return picture_of(make_scene(striped_wall(2000, {1}, {"a"}), title), options);
  };
  const at::Tensor differs = named("first.ply").ne(named("other.ply")).any(2);
  EXPECT_GT(differs.sum().item<int64_t>(), 30);
  EXPECT_EQ(differs.slice(0, 60).sum().item<int64_t>(), 0) << "nothing but the title line";
}

TEST(Picture, TheCameraMovesIt) {
  const Scene scene = make_scene(striped_wall(20000, kShares, kNames), "wall");
  const PictureOptions options{"", 400, 300, 0, false};
  const Camera camera = front(scene, options);
  const auto columns = [&](const Camera& from) {
    const at::Tensor seen = on_white(draw_picture(scene, {from}, options)).lt(250).any(2).any(0);
    return seen.sum().item<double>();
  };
  EXPECT_LT(columns(orbit(camera, 60)), 0.8 * columns(camera)) << "a wall from the side is narrow";
  Camera away = camera;
  for (size_t axis = 0; axis < 3; ++axis) away.eye[axis] += camera.eye[axis] - camera.target[axis];
  EXPECT_NEAR(columns(away), columns(camera) / 2.0, 8) << "half the size from twice as far";
  // From behind, left is right.
  const auto left_half = [&](const Camera& from) {
    return count_colors(on_white(draw_picture(scene, {from}, options)).slice(1, 0, 200), kColors);
  };
  EXPECT_GT(left_half(camera)[0], 1000);
  EXPECT_LT(left_half(orbit(camera, 180))[0], 100);
}

TEST(Picture, ASheetShowsEveryView) {
  const Scene scene = make_scene(striped_wall(20000, kShares, kNames), "wall");
  PictureOptions options{"", 600, 600};
  const Camera camera = fit(scene, panel_aspect(scene, options, 4), 30, 20, true);
  const at::Tensor sheet = on_white(draw_picture(scene, ring(camera, 4), options));
  const at::Tensor all = sheet.slice(0, 70).slice(1, 0, 450).lt(250).any(2);
  for (const int64_t row : {0, 1}) {
    for (const int64_t column : {0, 1}) {
      const at::Tensor cell =
          all.slice(0, row * 265, row * 265 + 265).slice(1, column * 225, column * 225 + 225);
      EXPECT_GT(cell.sum().item<int64_t>(), 2000) << row << column;
    }
  }
  EXPECT_THROW(draw_picture(scene, {}, options), c10::ValueError);
}

TEST(Picture, TwoCloudsStandSideBySideWithTheirLegends) {
  const io::Cloud left = striped_wall(20000, {1}, {"only"});
  io::Cloud right = striped_wall(20000, {1, 1}, {"only", "other"});
  right.set("x", left.find("x")->values);
  const Scene scene = make_scene(left, "left", right, "right");
  PictureOptions options{"label", 800, 500};
  const at::Tensor image = picture_of(scene, options);
  const auto counts = [&](const at::Tensor& part) {
    return count_colors(part, {part_color(0), part_color(1)});
  };
  EXPECT_EQ(counts(image.slice(1, 0, 400))[1], 0);
  EXPECT_GT(counts(image.slice(1, 400))[1], 5000);
  options.by = "wrong";
  const at::Tensor wrong = picture_of(scene, options);
  const Color red = scene.panels[0].find("wrong")->legend.entries[1].color;
  EXPECT_GT(count_colors(wrong.slice(1, 0, 400), {red})[0], 5000);
}

TEST(Picture, MeshesAreSurfaces) {
  io::Cloud cloud = test::cloud_of(
      at::tensor({0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0}).view({4, 3}));
  cloud.set("label", at::zeros({4}, at::kInt));
  cloud.triangles = at::tensor(std::vector<int64_t>{0, 1, 2, 0, 2, 3}, at::kLong).view({2, 3});
  const Scene scene = make_scene(cloud, "square.off");
  const at::Tensor image = picture_of(scene, {"", 300, 300, 0, false});
  const int64_t filled = count_colors(image, {part_color(0)})[0];
  EXPECT_GT(filled, 0.8 * 300 * 300);
  EXPECT_GT(image.select(2, 0).lt(250).sum().item<int64_t>(), filled - 700);
}

TEST(Picture, NothingOnePointAndNoNumbersAreDrawnToo) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const PictureOptions options{"", 320, 240};
  const auto ink = [](const at::Tensor& image) {
    return image.slice(0, 60).lt(250).any(2).sum().item<int64_t>();
  };
  EXPECT_EQ(
      ink(picture_of(make_scene(test::cloud_of(at::zeros({0, 3})), "none"), {"label", 320, 240})),
      0);
  EXPECT_EQ(ink(picture_of(make_scene(test::cloud_of(at::full({5, 3}, nan)), "nan"),
                           {"label", 320, 240})),
            0);
  io::Cloud one = test::cloud_of(at::full({1, 3}, 1e6));
  one.set("label", at::zeros({1}, at::kInt));
  EXPECT_GT(
      count_colors(picture_of(make_scene(one, "one"), {"", 320, 240, 20}), {part_color(0)})[0],
      200);
  EXPECT_GT(count_colors(picture_of(make_scene(one, "one"), options).slice(1, 0, 200),
                         {part_color(0)})[0],
            80)
      << "large enough to be seen, without a size too";
  io::Cloud same = test::cloud_of(at::zeros({100, 3}));
  same.set("value", at::full({100}, nan));
  EXPECT_GT(ink(picture_of(make_scene(same, "same"), {"value", 320, 240})), 3);
}

TEST(Picture, NamesFromFilesDoNoHarm) {
  const std::string hostile = "\xFF\xFE \xED\xA0\x80 \x1B[0m";
  const Scene scene =
      make_scene(striped_wall(500, {1, 1}, {hostile, std::string(5000, 'W')}), hostile);
  const at::Tensor image = picture_of(scene, {"", 400, 300});
  EXPECT_EQ(image.size(1), 400);
  EXPECT_GT(count_colors(image.slice(1, 0, 260), {part_color(0), part_color(1)})[0], 500)
      << "a long name leaves room for the cloud";
  io::Cloud many = test::cloud_of(test::random_points(2000, 5));
  many.set("label", at::arange(2000, at::kInt).remainder(900));
  EXPECT_EQ(picture_of(make_scene(many, "900 labels"), {"", 400, 300}).size(0), 300);
}

TEST(Picture, FiveMillionPoints) {
  const auto begin = std::chrono::steady_clock::now();
  const Scene scene = make_scene(striped_wall(5'000'000, kShares, kNames), "large");
  const at::Tensor image = picture_of(scene, {"", 1280, 960, 0, false});
  const std::vector<int64_t> counts = count_colors(image, kColors);
  for (size_t i = 0; i < 4; ++i) EXPECT_GT(counts[i], 50000) << i;
  // Seconds on an idle machine; the bound is for a busy one.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(120));
}

TEST(Png, IsTheImage) {
  const test::ScratchFolder folder;
  at::Tensor image = at::randint(0, 256, {37, 53, 4}, at::kByte);
  image.select(2, 3).fill_(255);
  write_png(folder / "a.png", image);
  EXPECT_TRUE(test::read_png(folder / "a.png").equal(image.slice(2, 0, 3)));
}

TEST(Png, IsWrittenWholeOrNotAtAll) {
  const test::ScratchFolder folder;
  write_file(folder / "file", [](std::ostream& out) { out << "x"; });
  const at::Tensor image = at::zeros({4, 4, 4}, at::kByte);
  EXPECT_THROW(write_png(folder / "no" / "a.png", image), c10::Error);
  EXPECT_THROW(write_png(folder / "file" / "a.png", image), c10::Error);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Picture, SizesThatCannotBeAreRefused) {
  const Scene scene = make_scene(striped_wall(50, {1}, {"a"}), "a");
  for (const auto& [width, height] : {std::pair{63, 480}, {640, 0}, {640, 16385}, {-1, 480}})
    EXPECT_THROW(draw_picture(scene, {Camera{}}, {"", width, height}), c10::ValueError) << width;
  EXPECT_EQ(picture_of(scene, {"", 64, 64}).size(0), 64) << "the smallest";
}

}  // namespace
}  // namespace pointattn::view
