// SPDX-License-Identifier: Apache-2.0
// Tables.
#include "datasets/procedural/kinds.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pointattn::datasets {
namespace {
constexpr double kPi = std::numbers::pi;

enum TablePart { kTop, kTableLeg, kDrawer, kTableShelf };

struct Table {
  double width;
  double depth;
  double height;
  double thickness;
  bool round;
};

void table_corner_legs(ShapeBuilder& shape, Random& random, const Table& t) {
  const double radius = random.uniform(0.018, 0.045);
  const double inset = t.round ? 0.32 : random.uniform(0.4, 0.47);
  const double splay = random.chance(0.3) ? random.uniform(0.02, 0.12) : 0.0;
  const double top = t.height - t.thickness / 2;
  const bool square = splay == 0.0 && random.chance(0.5);
  const int count = t.round ? random.count(3, 4) : 4;
  shape.has(count,
            "leg",
            {size_word(radius / t.height, 0.035, 0.055, "thin", "thick"),
             square ? "square" : "round",
             splay > 0 ? "splayed" : "straight"});
  for (int i = 0; i < count; ++i) {
    const double angle = 2 * kPi * (i + 0.5) / count;
    const Vec3 head =
        t.round ? Vec3{std::cos(angle) * t.width * 0.4, top, std::sin(angle) * t.depth * 0.4}
                : Vec3{(i % 2 ? 1 : -1) * t.width * inset, top, (i / 2 ? 1 : -1) * t.depth * inset};
    const Vec3 out = unit({head.x, 0, head.z}) * splay;
    if (square) {
      shape.plate({head.x, 0, head.z}, rectangle(2 * radius, 2 * radius), top);
    } else {
      shape.rod(
          {head.x + out.x, 0, head.z + out.z}, head, radius * random.uniform(0.6, 1.0), radius);
    }
  }
}

void table_pedestal(ShapeBuilder& shape, Random& random, const Table& t) {
  const double foot = std::min(t.width, t.depth) * random.uniform(0.28, 0.4);
  const double column = random.uniform(0.03, 0.07);
  shape.has(
      1, "pedestal", {size_word(column / t.height, 0.055, 0.085, "thin", "thick"), "central"});
  if (random.chance(0.5)) {
    shape.has(1, "base", {"flat", "round"});
    shape.lathe(Vec3{}, {{0, 0}, {foot, 0}, {foot, 0.02}, {column * 1.5, 0.06}, {0, 0.06}});
  } else {
    const int feet = random.count(3, 4);
    shape.has(feet, "foot", {"curved"});
    for (int i = 0; i < feet; ++i) {
      const double angle = 2 * kPi * (i + 0.5) / feet;
      const Vec3 out{std::cos(angle), 0, std::sin(angle)};
      const Outline bend{{0, 0.2}, {foot * 0.4, 0.16}, {foot * 0.8, 0.05}, {foot * 1.15, 0.03}};
      shape.tube(path_in_plane(bend, {}, out, {0, 1, 0}), 0.04, 0.025);
    }
  }
  shape.rod(
      {0, 0.03, 0}, {0, t.height - t.thickness / 2, 0}, column * random.uniform(0.8, 1.5), column);
}

void table_panels(ShapeBuilder& shape, Random& random, const Table& t) {
  const double thick = random.uniform(0.02, 0.05);
  const double x = t.width * random.uniform(0.38, 0.48);
  shape.has(2, "side panel", {"solid"}, "instead of legs");
  for (const double s : {-1.0, 1.0}) {
    shape.box({s * x, t.height / 2 - t.thickness / 4, 0},
              {thick, t.height - t.thickness / 2, t.depth * 0.92});
  }
  if (random.chance(0.5)) {
    shape.has(1, "back panel");
    shape.box({0, t.height * 0.6, -t.depth * 0.35}, {2 * x, t.height * 0.45, thick * 0.7});
  }
}

/// Drawers hang under the top, so they belong to rectangular tables only.
void table_drawers(ShapeBuilder& shape, Random& random, const Table& t) {
  shape.part(kDrawer);
  const bool stack = random.chance(0.5);
  const int count = stack ? random.count(2, 4) : random.count(1, 3);
  const double front = t.depth * 0.44;
  const double height = stack ? t.height * random.uniform(0.14, 0.19) : random.uniform(0.08, 0.16);
  const double width = stack ? t.width * 0.3 : t.width * 0.8 / count;
  const double side = random.chance(0.5) ? 1.0 : -1.0;
  shape.has(count, "drawer", {}, stack ? "on one side" : "under the top");
  for (int i = 0; i < count; ++i) {
    const double x = stack ? side * t.width * 0.29 : (i + 0.5 - count / 2.0) * width;
    const double y = t.height - t.thickness - height * (stack ? i + 0.5 : 0.5) + 0.004;
    shape.box({x, y, 0}, {width * 0.96, height * 0.96, 2 * front});
    shape.ellipsoid({x, y, front + 0.012}, {0.02, 0.014, 0.018});
  }
}

void build_table(ShapeBuilder& shape, Random& random) {
  Table t{};
  t.width = random.uniform(0.7, 1.8);
  t.round = random.chance(0.3);
  t.depth = t.round && random.chance(0.7) ? t.width : t.width * random.uniform(0.45, 0.9);
  t.height = random.chance(0.25) ? random.uniform(0.35, 0.5)
                                 : random.uniform(0.65, 0.8);  // coffee table or dining table
  t.thickness = random.uniform(0.02, 0.07);
  shape.part(kTop);
  shape.looks(size_word(t.height / t.width, 0.4, 0.75, "low", "tall"));
  const std::string thick = size_word(t.thickness / t.width, 0.025, 0.05, "thin", "thick");
  const Vec3 under{0, t.height - t.thickness, 0};
  if (t.round) {
    shape.has(1, "top", {thick, oval_word(t.depth / t.width, 2.0)});
    shape.plate(under, ellipse(t.width, t.depth), t.thickness);
  } else if (random.chance(0.15)) {
    static const char* const words[] = {"five sided", "hexagonal", "seven sided", "octagonal"};
    const int corners = random.count(5, 8);
    shape.has(1, "top", {thick, words[corners - 5]});
    shape.plate(under, regular_polygon(corners, t.width / 2), t.thickness);
    t.depth = t.width;
    t.round = true;
  } else {
    const bool sharp = random.chance(0.5);
    const std::string corners = sharp ? "with sharp corners" : "with rounded corners";
    shape.looks(t.width / t.depth > 1.7 ? "long" : "");
    shape.has(1, "top", {thick, rectangle_word(t.depth / t.width)}, corners);
    shape.plate(under, rounded_rectangle(t.width, t.depth, sharp ? 0.0 : 0.12), t.thickness);
  }
  shape.part(kTableLeg);
  const double kind = random.uniform();
  if (kind < 0.6 || (kind > 0.8 && t.round)) {
    table_corner_legs(shape, random, t);
  } else if (kind < 0.8 && t.width < 1.4) {
    table_pedestal(shape, random, t);
  } else if (t.round) {
    table_corner_legs(shape, random, t);
  } else {
    table_panels(shape, random, t);
  }
  if (!t.round && random.chance(0.35)) {
    table_drawers(shape, random, t);
  } else {
    shape.part(kDrawer);
    shape.lacks("drawers");
  }
  if (random.chance(0.2) && kind < 0.6) {
    shape.part(kTableShelf);
    shape.has(1, "shelf", {}, "under the top");
    shape.plate(
        {0, t.height * random.uniform(0.15, 0.4), 0},
        t.round ? ellipse(t.width * 0.8, t.depth * 0.8) : rectangle(t.width * 0.9, t.depth * 0.9),
        0.02);
  }
}

}  // namespace

ShapeKind table() { return {"table", {"top", "leg", "drawer", "shelf"}, build_table}; }

}  // namespace pointattn::datasets
