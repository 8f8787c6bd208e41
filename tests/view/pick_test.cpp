// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/pick.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pointattn::test {
namespace {
using view::Camera, view::Panel, view::Pixel, view::pick;

/// From (0, 0, 3) to the origin: the plane z = 0 spans 2 · 3 · tan 15° = 1.608 units of 100 pixels.
constexpr double kPixelsPerUnit = 100 / 1.6077;
Pixel at_place(double x, double y) {
  return {100 + x * kPixelsPerUnit, 50 - y * kPixelsPerUnit, 200, 100};
}
Panel panel(const at::Tensor& xyz) {
  Panel panel;
  panel.xyz = xyz.to(at::kFloat);
  return panel;
}

TEST(Pick, TakesThePointUnderThePixel) {
  const Panel cloud = panel(at::tensor({0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5, 0.0}).view({3, 3}));
  EXPECT_EQ(pick(cloud, Camera{}, at_place(0, 0), 3), 0);
  EXPECT_EQ(pick(cloud, Camera{}, at_place(0.5, 0), 3), 1);
  EXPECT_EQ(pick(cloud, Camera{}, at_place(0, 0.5), 3), 2);
  EXPECT_EQ(pick(cloud, Camera{}, at_place(0.25, 0.25), 3), std::nullopt);
  EXPECT_EQ(pick(cloud, Camera{}, at_place(-0.5, 0), 3), std::nullopt);
}

TEST(Pick, TheNearestToTheCameraWinsAndWhatIsBehindItIsNotSeen) {
  const Panel cloud =
      panel(at::tensor({0.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 4.0}).view({3, 3}));
  EXPECT_EQ(pick(cloud, Camera{}, at_place(0, 0), 3), 1);
}

TEST(Pick, AMeshIsHitAnywhereOnAFace) {
  // A near triangle over the right half, a far one over everything.
  Panel mesh = panel(at::tensor({-3.0,
                                 -3.0,
                                 -1.0,
                                 3.0,
                                 -3.0,
                                 -1.0,
                                 0.0,
                                 4.0,
                                 -1.0,
                                 0.1,
                                 -2.0,
                                 1.0,
                                 0.1,
                                 2.0,
                                 1.0,
                                 0.6,
                                 0.0,
                                 1.0})
                         .view({6, 3}));
  mesh.triangles = at::tensor({0, 1, 2, 3, 4, 5}, at::kLong).view({2, 3});
  EXPECT_EQ(pick(mesh, Camera{}, at_place(0.6, 0), 3), 5);
  EXPECT_EQ(pick(mesh, Camera{}, at_place(-0.5, 0.2), 3), 2);
  mesh.triangles = mesh.triangles.slice(0, 1);
  EXPECT_EQ(pick(mesh, Camera{}, at_place(-0.5, 0.2), 3), std::nullopt);
}

TEST(Pick, NothingInACloudOfNothing) {
  EXPECT_EQ(pick(panel(at::empty({0, 3})), Camera{}, at_place(0, 0), 3), std::nullopt);
}

}  // namespace
}  // namespace pointattn::test
