// SPDX-License-Identifier: Apache-2.0
// Things worn on the head: caps, glasses, headphones.
#include "datasets/procedural/kinds.h"

#include <cmath>
#include <numbers>

namespace pointattn::datasets {
namespace {
constexpr double kPi = std::numbers::pi;

enum CapPart { kCrown, kPeak };

void build_cap(ShapeBuilder& shape, Random& random) {
  const double radius = random.uniform(0.085, 0.1);
  const double height = radius * random.uniform(0.85, 1.25);
  const double deep = random.uniform(1.05, 1.2);  // heads are longer than wide
  const double wall = 0.003;
  shape.part(kCrown);
  const bool flat_top = random.chance(0.25);
  const Outline outer = flat_top ? smooth({{radius, 0},
                                           {radius * 1.08, height * 0.75},
                                           {radius * 0.9, height * 0.95},
                                           {0.002, height}})
                                 : smooth({{radius, 0},
                                           {radius * 0.97, height * 0.45},
                                           {radius * 0.65, height * 0.87},
                                           {0.002, height}});
  shape.lathe(Frame{}, wall_section(outer, wall, 0), {1, deep});
  shape.has(1,
            "crown",
            {size_word(height / radius, 0.97, 1.13, "low", "tall"), flat_top ? "flat" : "domed"});
  if (random.chance(0.6)) {
    shape.has(1, "button", {"small"}, "on top");
    shape.ellipsoid({0, height, 0}, {0.008, 0.005, 0.008});
  }
  shape.part(kPeak);
  const double reach = radius * random.uniform(0.6, 1.0);
  const double spread = radius * random.uniform(1.5, 1.85);
  const double droop = random.uniform(0.0, 0.35);
  shape.has(1,
            "peak",
            {size_word(reach / radius, 0.72, 0.88, "short", "long"),
             size_word(spread / radius, 1.6, 1.75, "narrow", "wide"),
             size_word(droop, 0.1, 0.25, "level", "drooping")});
  Outline peak = ellipse(spread, 2 * (radius * deep * 0.3 + reach), random.uniform(2.0, 2.8));
  for (Vec2& p : peak) p.y = p.y > 0 ? p.y : p.y * 0.02;
  const Frame front = Frame(Vec3{0, 0.006, radius * deep * 0.72}).about_x(droop);
  shape.prism({front.origin, front.x * -1.0, front.z, front.y}, peak, 0.005);
}

enum GlassesPart { kLens, kRim, kTemple };

void build_glasses(ShapeBuilder& shape, Random& random) {
  const double wide = random.uniform(0.046, 0.058);
  const double high = wide * random.uniform(0.6, 0.95);
  const double power = random.uniform(2.0, 4.5);
  const double gap = random.uniform(0.014, 0.022);
  const double rim = random.uniform(0.0014, 0.0034);
  const double x = (wide + gap) / 2;
  const bool half = random.chance(0.15);
  shape.part(kLens);
  shape.has(2,
            "lens",
            {size_word(high / wide, 0.68, 0.88, "narrow", "tall"),
             power > 3.2 ? rectangle_word(high / wide) : oval_word(high / wide, power)});
  shape.part(kRim);
  const std::string thick = size_word(rim / wide, 0.038, 0.052, "thin", "thick");
  shape.has(half ? 2 : 1, half ? "half rim" : "frame", {thick});
  shape.has(1, "bridge", {"curved"}, "over the nose");
  shape.part(kTemple);
  shape.has(2, "temple", {thick, "curved"});
  for (const double s : {-1.0, 1.0}) {
    const Outline outline = ellipse(wide, high, power);
    shape.part(kLens);
    shape.prism(Frame(Vec3{s * x, 0, 0}), outline, 0.002);
    shape.part(kRim);
    std::vector<Vec3> path;
    for (const Vec2& p : outline) {
      if (!half || p.y > -high * 0.05) path.push_back({s * x + p.x, p.y, 0});
    }
    if (!half) path.push_back(path.front());
    shape.tube(path, rim);
    shape.part(kTemple);
    const double hinge = s * (x + wide / 2 - rim);
    const double y = high * 0.3;
    const double length_z = random.uniform(0.125, 0.145);
    const double splay = s * 0.006;
    const Outline side{{0.0, y},
                       {length_z * 0.4, y + 0.001},
                       {length_z * 0.72, y - 0.001},
                       {length_z * 0.88, y - 0.01},
                       {length_z, y - 0.032}};
    shape.tube(path_in_plane(side, {hinge + splay, 0, 0}, {0, 0, -1}, {0, 1, 0}), rim * 1.3, rim);
    shape.box({hinge + splay * 0.5, y, -0.001}, {0.009, 0.005, 0.004});
  }
  shape.part(kRim);
  const double bridge = high * random.uniform(0.05, 0.3);
  const Outline nose{{-gap / 2 - rim, bridge}, {0, bridge + high * 0.12}, {gap / 2 + rim, bridge}};
  shape.tube(path_in_plane(nose, {}, {1, 0, 0}, {0, 1, 0}), rim);
}

enum HeadphonesPart { kBand, kCup };

void build_headphones(ShapeBuilder& shape, Random& random) {
  const double radius = random.uniform(0.075, 0.095);
  const double tall = random.uniform(1.0, 1.25);
  const double cup = random.uniform(0.03, 0.046);
  const double thick = random.uniform(0.02, 0.034);
  const double flatness = random.uniform(1.0, 1.35);
  shape.part(kBand);
  const bool padded = random.chance(0.5);
  const double bar = random.uniform(0.004, 0.007);
  std::vector<Vec3> path;
  constexpr int kSteps = 24;
  for (int i = 0; i <= kSteps; ++i) {
    const double angle = -0.12 + (kPi + 0.24) * i / kSteps;
    path.push_back({radius * std::cos(angle), radius * tall * std::sin(angle), 0});
  }
  const bool bars = random.chance(0.35);
  shape.has(1, "band", {size_word(tall, 1.07, 1.18, "low", "tall"), padded ? "padded" : ""});
  if (bars) shape.has(2, "bar", {"thin"}, "over the head");
  if (bars) {
    for (const double z : {-bar * 2, bar * 2}) {
      std::vector<Vec3> shifted = path;
      for (Vec3& p : shifted) p.z += z;
      shape.tube(shifted, bar * 0.6);
    }
  } else {
    shape.tube(path, bar);
  }
  if (padded) {
    shape.tube({path.begin() + kSteps / 3, path.end() - kSteps / 3}, bar * 2.0);
  }
  shape.part(kCup);
  const double drop = random.uniform(0.02, 0.04);
  shape.has(2,
            "cup",
            {size_word(cup / radius, 0.38, 0.5, "small", "large"),
             size_word(thick / cup, 0.6, 0.85, "flat", "thick"),
             size_word(flatness, 1.1, 1.2, "round", "oval")});
  for (const double s : {-1.0, 1.0}) {
    const Frame side = along({s * (radius + thick * 0.45), -drop, 0}, {-s, 0, 0});
    const Outline section = {{0, 0},
                             {cup * 0.8, 0},
                             {cup, thick * 0.3},
                             {cup, thick * 0.6},
                             {cup * 0.95, thick * 0.95},
                             {cup * 0.75, thick * 1.05},
                             {cup * 0.5, thick * 0.8},
                             {0, thick * 0.8}};
    const bool x_is_up = std::abs(side.x.y) > std::abs(side.z.y);
    shape.lathe(side, section, x_is_up ? Vec2{flatness, 1} : Vec2{1, flatness});
  }
}

}  // namespace

ShapeKind cap() { return {"cap", {"crown", "peak"}, build_cap}; }
ShapeKind glasses() { return {"glasses", {"lens", "rim", "temple"}, build_glasses}; }
ShapeKind headphones() { return {"headphones", {"band", "cup"}, build_headphones}; }

}  // namespace pointattn::datasets
