// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/camera.h"

#include "pointattn/core/files.h"
#include "pointattn/view/render.h"
#include "pointattn/view/vectors.h"
#include "tests/support/data.h"
#include "tests/view/clouds.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cmath>

namespace pointattn::view {
namespace {

Scene airplane_like(int up) {
  const at::Tensor xyz = test::random_points(500, 4) * at::tensor({8.0, 1.0, 3.0}).to(at::kFloat);
  return make_scene(test::cloud_of(xyz + 100), "a", up);
}

/// The smallest box of the picture that holds all points, in shares of it: left, right, top, bottom.
std::array<double, 4> seen(const Scene& scene, const Camera& camera, double aspect) {
  const at::Tensor project = projection(camera, 1000, static_cast<int64_t>(1000 * aspect))[0];
  const at::Tensor& xyz = scene.panels.front().xyz;
  const at::Tensor out = at::cat({xyz, at::ones({xyz.size(0), 1})}, 1).matmul(project.t());
  EXPECT_TRUE(out.select(1, 3).gt(0).all().item<bool>());
  const at::Tensor u = out.select(1, 0) / out.select(1, 3) / (1000 * aspect);
  const at::Tensor v = out.select(1, 1) / out.select(1, 3) / 1000;
  return {u.min().item<double>(),
          u.max().item<double>(),
          v.min().item<double>(),
          v.max().item<double>()};
}

TEST(Camera, FitShowsEverythingInTheMiddle) {
  for (const int up : {0, 1, 2}) {
    const Scene scene = airplane_like(up);
    for (const double aspect : {0.4, 1.0, 3.0}) {
      const auto [left, right, top, bottom] = seen(scene, fit(scene, aspect), aspect);
      EXPECT_GE(std::min(left, top), 0) << up << ' ' << aspect;
      EXPECT_LE(std::max(right, bottom), 1);
      EXPECT_GT(std::max(right - left, bottom - top), 0.7) << "large";
      EXPECT_NEAR(left + right, 1, 0.03);
      EXPECT_NEAR(top + bottom, 1, 0.03);
    }
  }
}

TEST(Camera, FitAllAroundShowsEverythingAtEveryTurn) {
  for (const int up : {0, 1, 2}) {
    const Scene scene = airplane_like(up);
    for (const Camera& camera : ring(fit(scene, 1.5, 35, 20, true), 12)) {
      const auto [left, right, top, bottom] = seen(scene, camera, 1.5);
      EXPECT_GE(std::min(left, top), 0);
      EXPECT_LE(std::max(right, bottom), 1);
    }
  }
}

TEST(Camera, OrbitKeepsDistanceAndStaysOffThePoles) {
  const Camera start = fit(airplane_like(1), 1);
  const double distance = length(Vec(start.eye) - Vec(start.target));
  for (const double elevation : {-500.0, 0.0, 500.0}) {
    const Camera moved = orbit(start, 77, elevation);
    const Vec from = Vec(moved.eye) - Vec(moved.target);
    EXPECT_NEAR(length(from), distance, 1e-9);
    EXPECT_LT(std::abs(from[1]) / distance, 0.9999);
    const Camera::Frame frame = moved.frame();
    EXPECT_NEAR(dot(frame.right, frame.up), 0, 1e-12);
    EXPECT_NEAR(dot(frame.up, frame.back), 0, 1e-12);
    EXPECT_GE(frame.up[1], 0) << "upright";
  }
  const Camera around = orbit(orbit(start, 180), 180);
  EXPECT_NEAR(length(Vec(around.eye) - Vec(start.eye)), 0, 1e-9);
}

TEST(Camera, AnEmptySceneAndOnePointHaveACamera) {
  for (const int64_t points : {0, 1}) {
    const Scene scene = make_scene(test::cloud_of(at::full({points, 3}, 5.0)), "a");
    const Camera camera = fit(scene, 1, 35, 20, points == 1);
    EXPECT_TRUE(std::isfinite(length(camera.eye)));
    EXPECT_GT(length(Vec(camera.eye) - Vec(camera.target)), 0);
  }
}

TEST(Camera, TheUnitDoesNotMatter) {
  for (const double unit : {1e-9, 1.0, 1e9}) {
    const at::Tensor xyz = test::random_points(500, 4).to(at::kDouble) * unit;
    const Scene scene = make_scene(test::cloud_of(xyz), "a");
    const auto [left, right, top, bottom] = seen(scene, fit(scene, 1), 1);
    EXPECT_GT(std::max(right - left, bottom - top), 0.7) << unit;
    EXPECT_LE(std::max(right, bottom), 1) << unit;
  }
}

TEST(View, IsSavedInTheCoordinatesOfTheFile) {
  const test::ScratchFolder folder;
  const Scene scene = airplane_like(1);
  const Camera camera = fit(scene, 1);
  save_view(folder / "v.json", camera, scene);
  const Camera again = load_view(folder / "v.json", scene);
  EXPECT_NEAR(length(Vec(again.eye) - Vec(camera.eye)), 0, 1e-9);
  EXPECT_EQ(again.fov, camera.fov);
  // Of a cloud with another middle it is the same place in the file's coordinates.
  const Scene moved = make_scene(test::cloud_of(scene.panels[0].xyz + 3.0), "b");
  const Camera there = load_view(folder / "v.json", moved);
  const Vec before = Vec(camera.eye) + Vec(scene.panels[0].origin);
  EXPECT_NEAR(length(Vec(there.eye) + Vec(moved.panels[0].origin) - before), 0, 1e-9);
}

TEST(View, WhatIsNoViewIsRefusedWithItsName) {
  const test::ScratchFolder folder;
  const Scene scene = airplane_like(1);
  for (const char* text : {"",
                           "{",
                           "[]",
                           "{}",
                           R"({"eye":[0,0],"target":[0,0,0],"up":[0,1,0],"fov":30})",
                           R"({"eye":[0,0,0],"target":[0,0,0],"up":[0,1,0],"fov":30})",
                           R"({"eye":[0,0,1],"target":[0,0,0],"up":[0,0,0],"fov":30})",
                           R"({"eye":[0,0,1],"target":[0,0,0],"up":[0,1,0],"fov":0})",
                           R"({"eye":[0,0,1e999],"target":[0,0,0],"up":[0,1,0],"fov":30})"}) {
    write_file(folder / "bad.json", [&](std::ostream& out) { out << text; });
    try {
      (void)load_view(folder / "bad.json", scene);
      FAIL() << text;
    } catch (const c10::Error& error) {
      EXPECT_NE(std::string(error.what_without_backtrace()).find("bad.json"), std::string::npos)
          << text;
    }
  }
  EXPECT_THROW((void)load_view(folder / "none.json", scene), c10::Error);
  EXPECT_THROW(save_view(folder / "no" / "v.json", fit(scene, 1), scene), c10::Error);
}

}  // namespace
}  // namespace pointattn::view
