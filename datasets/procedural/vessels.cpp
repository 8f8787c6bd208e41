// SPDX-License-Identifier: Apache-2.0
// Mugs, bottles, vases and teapots: walls turned about the y axis. Neighbouring pieces overlap by
// kJoin, which hides their rims.
#include "datasets/procedural/kinds.h"

#include <algorithm>
#include <numbers>

namespace pointattn::datasets {
namespace {
constexpr double kPi = std::numbers::pi;
constexpr double kJoin = 0.002;

/// Ear of a vessel: from the wall at height `low` out by `reach` to the wall at `high`; `r_low`,
/// `r_high` are the radii there.
void handle(ShapeBuilder& shape,
            Random& random,
            const Vec2& low,
            const Vec2& high,
            double reach,
            double thick) {
  const double sag = random.uniform(-0.15, 0.15) * (high.y - low.y);
  const double side = random.chance(0.5) ? 0.0 : 0.12 * (high.y - low.y);
  const double out = std::max(low.x, high.x) + reach;
  const double rise = high.y - low.y;
  const double inset = 0.0025;  // ends within the wall: 3 mm at least
  const Outline bend{{low.x - inset, low.y},
                     {out - reach * 0.35, low.y + side * 0.3},
                     {out, low.y + rise * 0.35 + sag},
                     {out - reach * 0.1, low.y + rise * 0.75 + sag},
                     {out - reach * 0.5, high.y + side * 0.3},
                     {high.x - inset, high.y}};
  shape.tube(
      path_in_plane(bend, {}, {1, 0, 0}, {0, 1, 0}), thick, thick * random.uniform(0.8, 1.2));
}

enum MugPart { kMugBody, kMugHandle };

void build_mug(ShapeBuilder& shape, Random& random) {
  const double radius = random.uniform(0.034, 0.055);
  const double height = radius * random.uniform(1.5, 2.9);
  const double wall = random.uniform(0.003, 0.006);
  const int style = random.count(0, 3);
  Outline outer;
  if (style == 0) {
    outer = {{radius, 0}, {radius, height}};
  } else if (style == 1) {  // conical
    outer = {{radius * random.uniform(0.65, 0.9), 0}, {radius, height}};
  } else if (style == 2) {  // barrel
    outer = smooth({{radius * 0.85, 0}, {radius * 1.08, height * 0.45}, {radius * 0.92, height}});
  } else {  // tea cup
    outer = smooth({{radius * 0.55, 0}, {radius * 0.95, height * 0.35}, {radius * 1.12, height}});
  }
  static const char* const forms[] = {"cylindrical", "conical", "barrel shaped", "flared"};
  if (style == 3) shape.called("teacup");
  shape.looks(size_word(height / radius, 1.9, 2.5, "low", "tall"));
  shape.part(kMugBody);
  shape.has(1, "body", {forms[style]});
  shape.has(1, "wall", {size_word(wall / radius, 0.085, 0.12, "thin", "thick")});
  shape.lathe(Vec3{}, wall_section(outer, wall, wall * 1.6));
  shape.part(kMugHandle);
  const double low = height * random.uniform(0.12, 0.3);
  const double high = height * random.uniform(0.7, 0.92);
  shape.has(1, "handle", {size_word((high - low) / height, 0.53, 0.7, "small", "large"), "curved"});
  handle(shape,
         random,
         between_heights(outer, low, height).front(),
         between_heights(outer, 0, high).back(),
         radius * random.uniform(0.45, 0.8),
         random.uniform(0.0055, 0.009));
}

enum BottlePart { kBottleBody, kBottleNeck, kBottleCap };

void build_bottle(ShapeBuilder& shape, Random& random) {
  const double radius = random.uniform(0.03, 0.05);
  const double body = radius * random.uniform(2.5, 5.0);
  const double shoulder = radius * random.uniform(0.4, 1.4);
  const double neck = radius * random.uniform(0.28, 0.5);
  const double neck_length = radius * random.uniform(0.5, 2.2);
  const double waist = random.chance(0.3) ? random.uniform(0.82, 0.95) : 1.0;
  const double squash = random.chance(0.2) ? random.uniform(0.5, 0.8) : 1.0;
  const double top = body + shoulder;
  Outline wall{{radius * 0.9, 0}, {radius, radius * 0.12}};
  for (const Vec2& p :
       smooth({{radius, radius * 0.2}, {radius * waist, body * 0.5}, {radius, body}}))
    wall.push_back(p);
  for (const Vec2& p :
       smooth({{radius * 0.99, body + 0.001}, {radius * 0.8, body + shoulder * 0.55}, {neck, top}}))
    wall.push_back(p);
  wall.insert(wall.begin(), {0, 0});
  wall.push_back({0, top});
  const Vec2 scale{1, squash};
  shape.looks(size_word(body / radius, 3.2, 4.3, "short", "tall"));
  shape.part(kBottleBody);
  shape.has(1, "body", {waist < 0.9 ? "waisted" : "straight", squash < 1 ? "oval" : "round"});
  shape.lathe(Frame{}, wall, scale);
  shape.part(kBottleNeck);
  const double mouth = top + neck_length;
  shape.has(1,
            "neck",
            {size_word(neck_length / radius, 0.9, 1.6, "short", "long"),
             size_word(neck / radius, 0.35, 0.44, "thin", "wide")});
  shape.lathe(Vec3{0, top - 0.004, 0},
              cylinder_section(neck, neck * random.uniform(0.8, 1.0), neck_length + 0.004));
  if (random.chance(0.5))
    shape.lathe(Vec3{0, mouth - 0.008, 0}, cylinder_section(neck * 1.15, neck * 1.15, 0.006));
  shape.part(kBottleCap);
  if (random.chance(0.15)) return shape.lacks("cap");
  const double cap = neck * random.uniform(1.08, 1.35);
  const double height = neck * random.uniform(0.7, 1.6);
  shape.has(1, "cap", {size_word(height / neck, 0.95, 1.3, "flat", "tall"), "round"});
  shape.lathe(Vec3{0, mouth - 0.002, 0},
              cylinder_section(cap, cap * random.uniform(0.85, 1.0), height));
}

enum VasePart { kVaseBase, kVaseBody, kVaseNeck, kVaseHandle };

void build_vase(ShapeBuilder& shape, Random& random) {
  const double height = random.uniform(0.2, 0.45);
  const double belly = height * random.uniform(0.16, 0.34);
  const double foot = belly * random.uniform(0.45, 0.8);
  const double neck = belly * random.uniform(0.3, 0.65);
  const double lip = neck * random.uniform(1.0, 1.7);
  const double base_top = height * random.uniform(0.06, 0.14);
  const double widest = height * random.uniform(0.3, 0.55);
  const double shoulder = height * random.uniform(0.66, 0.78);
  const double wall = height * 0.012;
  shape.looks(size_word(belly / height, 0.2, 0.29, "slim", "wide"));
  shape.part(kVaseBase);
  shape.has(1, "foot", {size_word(foot / belly, 0.55, 0.7, "small", "wide"), "round"});
  const double stem = foot * random.uniform(0.6, 0.9);
  shape.lathe(Vec3{},
              {{0, 0},
               {foot, 0},
               {foot, base_top * 0.35},
               {stem, base_top * 0.8},
               {stem, base_top + kJoin},
               {0, base_top + kJoin}});
  const Outline curve = smooth({{stem, base_top},
                                {belly, widest},
                                {neck, shoulder},
                                {neck * 0.97, (shoulder + height) / 2},
                                {lip, height}},
                               10);
  shape.part(kVaseBody);
  shape.has(1, "belly", {size_word(widest / height, 0.38, 0.47, "low", "high"), "round"});
  shape.lathe(Vec3{},
              wall_section(between_heights(curve, base_top, shoulder + kJoin), wall, wall * 1.5));
  shape.part(kVaseNeck);
  shape.has(1, "neck", {size_word(neck / belly, 0.42, 0.54, "narrow", "wide")});
  shape.has(1, "lip", {size_word(lip / neck, 1.15, 1.4, "straight", "flared")});
  shape.lathe(Vec3{}, wall_section(between_heights(curve, shoulder, height), wall, 0));
  const bool handles = random.chance(0.5);
  shape.part(kVaseHandle);
  if (!handles) return shape.lacks("handles");
  const Vec2 low =
      between_heights(curve, base_top, random.uniform(widest * 1.05, shoulder * 0.9)).back();
  const Vec2 high =
      between_heights(curve, base_top, random.uniform((shoulder + height) / 2, height * 0.96))
          .back();
  const double reach = belly * random.uniform(0.2, 0.5);
  const double thick = height * random.uniform(0.014, 0.024);
  const Outline bend{
      {low.x - wall * 0.7, low.y},
      {std::max(low.x, high.x) + reach, (low.y + high.y) / 2 + (high.y - low.y) * 0.15},
      {high.x - wall * 0.7, high.y}};
  const bool two = random.chance(0.7);
  shape.has(two ? 2 : 1, "handle", {"curved"}, two ? "on both sides" : "on one side");
  shape.tube(path_in_plane(bend, {}, {1, 0, 0}, {0, 1, 0}), thick);
  if (two) shape.tube(path_in_plane(bend, {}, {-1, 0, 0}, {0, 1, 0}), thick);
}

enum TeapotPart { kPotBody, kPotSpout, kPotHandle, kPotLid };

void build_teapot(ShapeBuilder& shape, Random& random) {
  const double radius = random.uniform(0.07, 0.1);
  const double height = radius * random.uniform(1.0, 1.7);
  const double foot = radius * random.uniform(0.5, 0.8);
  const double mouth = radius * random.uniform(0.4, 0.6);
  const Outline curve = smooth({{foot, 0},
                                {radius, height * random.uniform(0.3, 0.5)},
                                {radius * 0.85, height * 0.75},
                                {mouth, height}});
  shape.looks(size_word(height / radius, 1.2, 1.5, "low", "tall"));
  shape.part(kPotBody);
  shape.has(1, "body", {"round", size_word(foot / radius, 0.6, 0.7, "bulging", "straight")});
  Outline section = curve;
  section.insert(section.begin(), {0, 0});
  section.push_back({0, height});
  shape.lathe(Vec3{}, section);
  shape.part(kPotSpout);
  const double tip = height * random.uniform(0.85, 1.1);
  shape.has(1, "spout", {size_word(tip / height, 0.92, 1.03, "low", "high"), "curved"});
  const Outline spout{{radius * 0.7, height * 0.35},
                      {radius * 1.25, height * 0.45},
                      {radius * 1.5, tip * 0.8},
                      {radius * 1.8, tip}};
  shape.tube(path_in_plane(spout, {}, {0, 0, 1}, {0, 1, 0}), radius * 0.25, radius * 0.1);
  shape.part(kPotLid);
  const double dome = radius * random.uniform(0.1, 0.35);
  shape.has(1, "lid", {size_word(dome / radius, 0.17, 0.26, "flat", "domed")});
  shape.has(1, "knob", {"round"}, "on the lid");
  shape.lathe(Vec3{0, height - kJoin, 0}, dome_section(mouth * 1.05, dome, 0, kPi / 2));
  shape.ellipsoid({0, height + dome + radius * 0.06, 0},
                  {radius * 0.13, radius * 0.11, radius * 0.13});
  shape.part(kPotHandle);
  const bool behind = random.chance(0.75);
  shape.has(1, "handle", {"curved"}, behind ? "opposite the spout" : "over the lid");
  if (behind) {
    const Vec2 low = between_heights(curve, 0, height * 0.3).back();
    const Vec2 high = between_heights(curve, 0, height * 0.85).back();
    const Outline bend{{low.x - 0.01, low.y},
                       {radius * 1.5, height * 0.35},
                       {radius * 1.65, height * 0.75},
                       {radius * 1.3, height * 0.95},
                       {high.x - 0.01, high.y}};
    shape.tube(path_in_plane(bend, {}, {0, 0, -1}, {0, 1, 0}), radius * 0.09);
  } else {  // a bow over the lid
    const double side = between_heights(curve, 0, height * 0.8).back().x * 0.95;
    shape.tube(path_in_plane({{-side, height * 0.78},
                              {-side * 0.9, height * 1.4},
                              {0, height * 1.75},
                              {side * 0.9, height * 1.4},
                              {side, height * 0.78}},
                             {},
                             {0, 0, 1},
                             {0, 1, 0}),
               radius * 0.07);
  }
}

}  // namespace

ShapeKind mug() { return {"mug", {"body", "handle"}, build_mug}; }
ShapeKind bottle() { return {"bottle", {"body", "neck", "cap"}, build_bottle}; }
ShapeKind vase() { return {"vase", {"base", "body", "neck", "handle"}, build_vase}; }
ShapeKind teapot() { return {"teapot", {"body", "spout", "handle", "lid"}, build_teapot}; }

}  // namespace pointattn::datasets
