// SPDX-License-Identifier: Apache-2.0
// Chairs: seats with backs and arms; chair_legs.cpp puts them on legs.
#include "datasets/procedural/chair.h"
#include "datasets/procedural/kinds.h"

#include <cmath>

namespace pointattn::datasets {
namespace {

void build_seat(ShapeBuilder& shape, Random& random, const Chair& c) {
  shape.part(kSeat);
  const Vec3 bottom{0, c.seat_top - c.thickness, 0};
  const int style = random.count(0, 3);
  const double ratio = c.depth / c.width;
  const std::string thick = size_word(c.thickness / c.width, 0.08, 0.15, "thin", "thick");
  if (style == 0) {
    shape.has(1, "seat", {thick, "flat", rectangle_word(ratio)});
    shape.plate(bottom, rectangle(c.width, c.depth), c.thickness);
  } else if (style == 1) {
    shape.has(1, "seat", {thick, "rounded"});
    shape.plate(
        bottom, rounded_rectangle(c.width, c.depth, random.uniform(0.04, 0.15)), c.thickness);
  } else if (style == 2) {
    const double power = random.uniform(2.0, 4.0);
    shape.has(1, "seat", {thick, oval_word(ratio, power)});
    shape.plate(bottom, ellipse(c.width, c.depth, power), c.thickness);
  } else {  // a cushion on a board
    shape.has(1, "seat", {rectangle_word(ratio), "padded"});
    shape.plate(bottom, rectangle(c.width, c.depth), c.thickness * 0.5);
    shape.plate(bottom + Vec3{0, c.thickness * 0.45, 0},
                rounded_rectangle(c.width * 0.96, c.depth * 0.96, 0.05),
                c.thickness * random.uniform(0.55, 1.2),
                {random.uniform(0.88, 0.98), {}});
  }
}

std::string back_height_word(const Chair& c) {
  return size_word(c.back_height / c.width, 0.85, 1.25, "low", "tall");
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
  shape.has(1, "back", {back_height_word(c), "slatted"});
  if (upright) {
    shape.has(count, "spindle", {"upright"}, "in the back");
  } else {
    shape.has(count, "slat", {"horizontal"}, "across the back");
  }
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
  const std::string tilt = size_word(c.tilt, 0.04, 0.2, "upright", "reclined");
  if (style < 0.55) {
    shape.has(1, "back", {back_height_word(c), tilt, "rectangular"});
    shape.box(middle, {width, h - gap, thickness});
  } else if (style < 0.8) {
    shape.has(1, "back", {back_height_word(c), tilt, "rounded"});
    shape.prism(middle, rounded_rectangle(width, h - gap, random.uniform(0.05, 0.2)), thickness);
  } else {
    const double power = random.uniform(2.0, 3.0);
    shape.has(1, "back", {back_height_word(c), tilt, oval_word((h - gap) / width, power)});
    shape.prism(middle, ellipse(width, h - gap, power), thickness);
  }
  if (gap == 0) return;
  shape.has(2, "post", {}, "under the back");
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
  shape.has(2, "arm", {style == 0 ? "flat" : (style == 1 ? "curved" : "solid")});
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
  const double height = c.seat_top + (stool ? 0 : c.back_height);
  const double usual = stool ? 1.0 : 2.0;
  shape.looks(size_word(height / c.width, usual * 0.85, usual * 1.15, "low", "tall"));
  shape.looks(size_word(c.width / c.depth, 0.85, 1.2, "narrow", "wide"));
  build_seat(shape, random, c);
  build_chair_legs(shape, random, c);
  if (stool) {
    shape.called("stool");
    shape.part(kBack);
    shape.lacks("back");
  } else {
    build_back(shape, random, c);
    if (random.chance(0.45)) return build_arms(shape, random, c);
  }
  shape.part(kArm);
  shape.lacks("arms");
}

}  // namespace

ShapeKind chair() { return {"chair", {"back", "seat", "leg", "arm"}, build_chair}; }

}  // namespace pointattn::datasets
