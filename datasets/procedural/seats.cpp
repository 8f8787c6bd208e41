// SPDX-License-Identifier: Apache-2.0
// Chairs: seats on legs, star bases, sleds or discs, with backs and arms.
#include "datasets/procedural/kinds.h"

#include <cmath>
#include <numbers>

namespace pointattn::datasets {
namespace {
constexpr double kPi = std::numbers::pi;

enum ChairPart { kBack, kSeat, kLeg, kArm };

struct Chair {
  double width;
  double depth;
  double seat_top;
  double thickness;
  double back_height;
  double tilt;  ///< of the back, radians
};

void build_seat(ShapeBuilder& shape, Random& random, const Chair& c) {
  shape.part(kSeat);
  const Vec3 bottom{0, c.seat_top - c.thickness, 0};
  const int style = random.count(0, 3);
  if (style == 0) {
    shape.plate(bottom, rectangle(c.width, c.depth), c.thickness);
  } else if (style == 1) {
    shape.plate(
        bottom, rounded_rectangle(c.width, c.depth, random.uniform(0.04, 0.15)), c.thickness);
  } else if (style == 2) {
    shape.plate(bottom, ellipse(c.width, c.depth, random.uniform(2.0, 4.0)), c.thickness);
  } else {  // a cushion on a board
    shape.plate(bottom, rectangle(c.width, c.depth), c.thickness * 0.5);
    shape.plate(bottom + Vec3{0, c.thickness * 0.45, 0},
                rounded_rectangle(c.width * 0.96, c.depth * 0.96, 0.05),
                c.thickness * random.uniform(0.55, 1.2),
                {random.uniform(0.88, 0.98), {}});
  }
}

void straight_legs(ShapeBuilder& shape, Random& random, const Chair& c) {
  const double radius = random.uniform(0.012, 0.028);
  const double taper = random.uniform(0.55, 1.0);
  const double splay = random.chance(0.5) ? random.uniform(0.0, 0.09) : 0.0;
  const double x = c.width * 0.5 * random.uniform(0.7, 0.88);
  const double z = c.depth * 0.5 * random.uniform(0.7, 0.88);
  const bool square = random.chance(0.4);
  const double top = c.seat_top - c.thickness * 0.8;
  for (const double sx : {-1.0, 1.0}) {
    for (const double sz : {-1.0, 1.0}) {
      const Vec3 foot{sx * (x + splay), 0, sz * (z + splay)};
      const Vec3 head{sx * x, top, sz * z};
      if (square) {
        shape.prism(flat(Vec3{sx * x, top / 2, sz * z}), rectangle(2 * radius, 2 * radius), top);
      } else {
        shape.rod(foot, head, radius * taper, radius);
      }
    }
  }
  if (!random.chance(0.4)) return;
  const double height = top * random.uniform(0.25, 0.6);
  const double reach = square ? 0 : splay * (1 - height / top);
  for (const double s : {-1.0, 1.0}) {
    shape.rod(
        {s * (x + reach), height, -z - reach}, {s * (x + reach), height, z + reach}, radius * 0.6);
  }
  shape.rod({-x - reach, height, 0}, {x + reach, height, 0}, radius * 0.6);
}

void star_base(ShapeBuilder& shape, Random& random, const Chair& c) {
  const int spokes = random.count(4, 6);
  const double reach = c.width * random.uniform(0.45, 0.6);
  const double column = random.uniform(0.02, 0.035);
  shape.rod({0, 0.06, 0}, {0, c.seat_top - c.thickness * 0.8, 0}, column * 1.3, column);
  const bool castors = random.chance(0.7);
  for (int i = 0; i < spokes; ++i) {
    const double angle = 2 * kPi * i / spokes + 0.3;
    const Vec3 tip{reach * std::cos(angle), 0.05, reach * std::sin(angle)};
    shape.rod({0, 0.1, 0}, tip, 0.025, 0.014);
    if (castors) shape.ellipsoid(tip + Vec3{0, -0.022, 0}, {0.028, 0.028, 0.028});
  }
}

void sled_base(ShapeBuilder& shape, Random& random, const Chair& c) {
  const double radius = random.uniform(0.01, 0.018);
  const double x = c.width * 0.46;
  const double z = c.depth * random.uniform(0.38, 0.48);
  const double top = c.seat_top - c.thickness * 0.6;
  const bool cantilever = random.chance(0.5);
  for (const double s : {-1.0, 1.0}) {
    shape.rod({s * x, radius, -z}, {s * x, radius, z}, radius);
    shape.rod({s * x, radius, z}, {s * x, top, z}, radius);
    if (!cantilever) shape.rod({s * x, radius, -z}, {s * x, top, -z}, radius);
  }
  shape.rod({-x, radius, cantilever ? -z : 0}, {x, radius, cantilever ? -z : 0}, radius);
}

void disc_base(ShapeBuilder& shape, Random& random, const Chair& c) {
  const double radius = c.width * random.uniform(0.4, 0.52);
  shape.lathe(Vec3{}, {{0, 0}, {radius, 0}, {radius, 0.015}, {0.05, 0.045}, {0, 0.045}});
  shape.rod({0, 0.02, 0}, {0, c.seat_top - c.thickness * 0.8, 0}, random.uniform(0.022, 0.04));
}

void build_legs(ShapeBuilder& shape, Random& random, const Chair& c) {
  shape.part(kLeg);
  const double kind = random.uniform();
  if (kind < 0.58) return straight_legs(shape, random, c);
  if (kind < 0.75) return star_base(shape, random, c);
  if (kind < 0.88) return sled_base(shape, random, c);
  disc_base(shape, random, c);
}

void bars(ShapeBuilder& shape, Random& random, const Chair& c, const Frame& back, double width) {
  const double post = random.uniform(0.012, 0.025);
  const double h = c.back_height;
  for (const double s : {-1.0, 1.0}) {
    shape.rod(back.point({s * (width / 2 - post), -0.02, 0}),
              back.point({s * (width / 2 - post), h, 0}),
              post);
  }
  const bool upright = random.chance(0.5);
  const int count = random.count(2, 6);
  const double rail = random.uniform(0.05, 0.1);
  shape.box(back.at({0, h - rail / 2, 0}), {width, rail, post * 1.4});
  if (upright) shape.box(back.at({0, h * 0.25, 0}), {width - post, 0.035, post});
  for (int i = 0; i < count; ++i) {
    const double t = (i + 1.0) / (count + 1.0);
    if (upright) {
      const double x = (t - 0.5) * (width - 2 * post);
      shape.rod(back.point({x, h * 0.25, 0}), back.point({x, h - rail / 2, 0}), post * 0.6);
    } else {
      shape.box(back.at({0, h * (0.15 + 0.7 * t), 0}),
                {width - post, random.uniform(0.03, 0.05), post});
    }
  }
}

void build_back(ShapeBuilder& shape, Random& random, const Chair& c) {
  shape.part(kBack);
  const double thickness = random.uniform(0.02, 0.06);
  const Frame back =
      Frame(Vec3{0, c.seat_top - 0.01, -c.depth / 2 + thickness / 2}).about_x(-c.tilt);
  const double width = c.width * random.uniform(0.82, 1.0);
  const double h = c.back_height;
  const double style = random.uniform();
  if (style < 0.35) return bars(shape, random, c, back, width);
  const double gap = random.chance(0.35) ? random.uniform(0.08, 0.18) : 0.0;  // a pad on two posts
  const Frame middle = back.at({0, gap + (h - gap) / 2, 0});
  if (style < 0.55) {
    shape.box(middle, {width, h - gap, thickness});
  } else if (style < 0.8) {
    shape.prism(middle, rounded_rectangle(width, h - gap, random.uniform(0.05, 0.2)), thickness);
  } else {
    shape.prism(middle, ellipse(width, h - gap, random.uniform(2.0, 3.0)), thickness);
  }
  if (gap == 0) return;
  for (const double s : {-1.0, 1.0}) {
    shape.rod(back.point({s * width * 0.3, -0.02, 0}),
              back.point({s * width * 0.3, gap + 0.05, 0}),
              0.014);
  }
}

void build_arms(ShapeBuilder& shape, Random& random, const Chair& c) {
  shape.part(kArm);
  const double height = random.uniform(0.17, 0.25);
  const double thick = random.uniform(0.02, 0.04);
  const double x = c.width / 2 + thick * 0.4;
  const double front = c.depth / 2 * random.uniform(0.55, 0.95);
  const double rear = -c.depth / 2 - std::tan(c.tilt) * height * 0.8;
  const int style = random.count(0, 2);
  for (const double s : {-1.0, 1.0}) {
    const Vec3 rest{s * x, c.seat_top + height, 0};
    if (style == 0) {  // rest on a front post
      shape.box(rest + Vec3{0, 0, (front + rear) / 2}, {thick * 2, thick, front - rear});
      shape.rod({s * x, c.seat_top - c.thickness, front * 0.9},
                {s * x, rest.y, front * 0.9},
                thick * 0.6);
    } else if (style == 1) {  // bent tube
      const Outline bend{{front * 0.8, -height - c.thickness * 0.5},
                         {front, -height * 0.4},
                         {front * 0.85, -0.01},
                         {0, 0},
                         {rear, 0}};
      shape.tube(path_in_plane(bend, rest, {0, 0, 1}, {0, 1, 0}), thick * 0.55);
    } else {  // panel
      shape.box(rest + Vec3{0, -height / 2 - c.thickness / 2, (front + rear) / 2},
                {thick * 1.3, height + c.thickness, front - rear});
    }
  }
}

void build_chair(ShapeBuilder& shape, Random& random) {
  Chair c{};
  c.width = random.uniform(0.38, 0.58);
  c.depth = random.uniform(0.38, 0.54);
  c.seat_top = random.uniform(0.38, 0.52);
  c.thickness = random.uniform(0.025, 0.09);
  c.back_height = random.uniform(0.32, 0.68);
  c.tilt = random.uniform(0.0, 0.28);
  const bool stool = random.chance(0.05);
  build_seat(shape, random, c);
  build_legs(shape, random, c);
  if (stool) return;
  build_back(shape, random, c);
  if (random.chance(0.45)) build_arms(shape, random, c);
}

}  // namespace

ShapeKind chair() { return {"chair", {"back", "seat", "leg", "arm"}, build_chair}; }

}  // namespace pointattn::datasets
