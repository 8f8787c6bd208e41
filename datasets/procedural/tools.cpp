// SPDX-License-Identifier: Apache-2.0
// Hammers, knives, laptops and umbrellas.
#include "datasets/procedural/kinds.h"

#include <numbers>

namespace pointattn::datasets {
namespace {
constexpr double kPi = std::numbers::pi;

enum HammerPart { kHammerHandle, kHammerHead };

void build_hammer(ShapeBuilder& shape, Random& random) {
  const double size = random.uniform(0.26, 0.4);
  const double grip = random.uniform(0.011, 0.018);
  const double oval = random.uniform(1.0, 1.5);
  shape.part(kHammerHandle);
  shape.has(1,
            "handle",
            {size_word(grip / size, 0.04, 0.052, "thin", "thick"),
             size_word(oval, 1.12, 1.3, "round", "oval")});
  const Outline section{{0, 0},
                        {grip * 0.9, 0},
                        {grip * 1.15, size * 0.1},
                        {grip, size * 0.35},
                        {grip * 0.75, size * 0.6},
                        {grip * 0.75, size},
                        {0, size}};
  shape.lathe(Frame{}, section, {1, oval});
  shape.part(kHammerHead);
  const double face = random.uniform(0.014, 0.024);
  const double reach = random.uniform(0.045, 0.075);
  const double y = size - face * 0.3;
  const int style = random.count(0, 2);
  if (style == 2) {  // mallet
    shape.called("mallet");
    const double wide = face * random.uniform(1.6, 2.4);
    const std::string size = size_word(wide / reach, 0.5, 0.75, "narrow", "wide");
    const bool round = random.chance(0.5);
    shape.has(1, "head", {size, round ? "cylindrical" : "square"});
    if (round) {
      shape.rod({0, y, -reach}, {0, y, reach}, wide);
    } else {
      shape.box({0, y, 0}, {wide * 1.6, wide * 2, 2 * reach});
    }
    return;
  }
  shape.box({0, y, 0}, {face * 1.7, face * 1.9, face * 2.6});
  shape.rod({0, y, 0}, {0, y, reach}, face * 0.75, face * 0.7);
  shape.rod({0, y, reach * 0.72}, {0, y, reach * 1.1}, face, face);
  shape.has(1, "face", {"round", "flat"});
  if (style == 0) {  // claw: two curved prongs
    shape.called("claw hammer");
    shape.has(2, "prong", {"curved"}, "at the back of the head");
    const double droop = random.uniform(0.02, 0.045);
    for (const double s : {-1.0, 1.0}) {
      const Outline bend{
          {0, 0}, {reach * 0.6, 0.004}, {reach * 1.1, -droop * 0.4}, {reach * 1.4, -droop}};
      shape.tube(
          path_in_plane(
              bend, {s * face * 0.35, y + face * 0.2, 0}, unit({s * 0.12, 0, -1}), {0, 1, 0}),
          face * 0.55,
          face * 0.2);
    }
  } else {  // cross peen: a wedge
    shape.has(1, "wedge", {}, "at the back of the head");
    const Frame back{{0, y, -face * 1.2 - reach * 0.5}, {1, 0, 0}, {0, -1, 0}, {0, 0, -1}};
    shape.prism(back, rectangle(face * 1.5, face * 1.7), reach, {0.25, {}});
  }
}

enum KnifePart { kBlade, kKnifeHandle };

/// Lies along z, the edge down.
void build_knife(ShapeBuilder& shape, Random& random) {
  const double blade = random.uniform(0.12, 0.28);
  const double wide = blade * random.uniform(0.12, 0.26);
  const double grip = random.uniform(0.09, 0.13);
  const double drop = random.uniform(0.0, 1.0);  // where the point lies between spine and edge
  shape.part(kBlade);
  shape.has(1,
            "blade",
            {size_word(blade / grip, 1.3, 2.1, "short", "long"),
             size_word(wide / blade, 0.16, 0.22, "narrow", "wide")});
  shape.has(1, "point", {size_word(drop, 0.3, 0.7, "upswept", "dropped")});
  const double belly = random.uniform(0.6, 0.85);
  const Outline outline = {{-0.01, wide * 0.2},
                           {0, 0},
                           {blade * belly, 0},
                           {blade * 0.93, wide * 0.35 * (1 - drop) + wide * 0.25},
                           {blade, wide * (0.95 - 0.45 * drop)},
                           {blade * 0.75, wide},
                           {-0.01, wide}};
  shape.prism(profile({0, 0, 0}), outline, random.uniform(0.002, 0.005));
  shape.part(kKnifeHandle);
  const double high = wide * random.uniform(0.6, 0.95);
  const double thick = random.uniform(0.012, 0.02);
  const Frame back{{0, wide * 0.6, -grip / 2}, {1, 0, 0}, {0, -1, 0}, {0, 0, -1}};
  const double bow = random.uniform(-0.25, 0.25) * high;
  const double bend = bow < 0 ? -bow : bow;
  shape.has(1,
            "handle",
            {size_word(high / grip, 0.18, 0.35, "thin", "thick"),
             size_word(bend / high, 0.08, 0.16, "straight", "curved")});
  shape.prism(back,
              ellipse(thick, high, random.uniform(2.0, 5.0)),
              grip,
              {random.uniform(0.9, 1.25), {0, bow}});
  if (random.chance(0.4)) {
    shape.has(1, "guard", {}, "before the handle");
    shape.box({0, wide * 0.5, 0}, {thick * 1.4, wide * random.uniform(1.2, 2.0), 0.012});
  }
}

enum LaptopPart { kScreen, kKeyboard };

void build_laptop(ShapeBuilder& shape, Random& random) {
  const double width = random.uniform(0.28, 0.4);
  const double depth = width * random.uniform(0.6, 0.75);
  const double base = random.uniform(0.012, 0.028);
  const double lid = random.uniform(0.006, 0.014);
  const double open = random.uniform(-0.15, 0.6);  // from upright to the back
  const double corner = random.chance(0.5) ? 0.0 : random.uniform(0.008, 0.025);
  const std::string corners = corner > 0 ? "with rounded corners" : "with sharp corners";
  shape.looks(size_word(open, 0.05, 0.4, "upright", "wide open"));
  shape.part(kKeyboard);
  shape.has(1, "base", {size_word(base / width, 0.045, 0.065, "thin", "thick"), "flat"}, corners);
  shape.has(5, "row of keys", {}, "on the keyboard");
  shape.plate({}, rounded_rectangle(width, depth, corner), base);
  const int rows = 5;
  for (int row = 0; row < rows; ++row) {
    shape.box({0, base, depth * (-0.36 + 0.1 * row)}, {width * 0.86, 0.004, depth * 0.075});
  }
  shape.part(kScreen);
  const Frame hinge = Frame(Vec3{0, base * 0.8, -depth / 2}).about_x(-open);
  const double height = depth * random.uniform(0.92, 1.0);
  shape.has(1,
            "screen",
            {size_word(lid / width, 0.025, 0.034, "thin", "thick"),
             size_word(height / width, 0.62, 0.68, "wide", "tall"),
             size_word(open, 0.05, 0.4, "upright", "reclined")});
  shape.prism(hinge.at({0, height / 2, 0}), rounded_rectangle(width, height, corner), lid);
  shape.rod(
      {-width * 0.4, base * 0.8, -depth / 2}, {width * 0.4, base * 0.8, -depth / 2}, base * 0.45);
}

enum UmbrellaPart { kCanopy, kShaft, kCrook };

void build_umbrella(ShapeBuilder& shape, Random& random) {
  const double size = random.uniform(0.75, 1.0);
  const bool parasol = random.chance(0.25);
  const double radius = size * random.uniform(0.45, 0.65);
  const double height = radius * random.uniform(0.35, 0.65);
  const double top = size;
  const double wall = radius * 0.012;
  if (parasol) shape.called("parasol");
  shape.part(kCanopy);
  shape.has(1,
            "canopy",
            {size_word(radius / size, 0.51, 0.6, "small", "wide"),
             size_word(height / radius, 0.43, 0.57, "flat", "deep"),
             "round"});
  const Outline dome = smooth(
      {{radius, 0}, {radius * 0.86, height * 0.42}, {radius * 0.5, height * 0.84}, {0.01, height}});
  shape.lathe(Vec3{0, top - height, 0}, wall_section(dome, wall, 0));
  shape.part(kShaft);
  const double shaft = parasol ? random.uniform(0.015, 0.022) : random.uniform(0.008, 0.014);
  const double end = parasol ? 0.0 : size * 0.14;
  shape.has(1, "shaft", {size_word(shaft / size, 0.011, 0.017, "thin", "thick"), "straight"});
  shape.rod({0, end, 0}, {0, top + size * random.uniform(0.03, 0.09), 0}, shaft, shaft * 0.8);
  shape.part(kCrook);
  if (parasol) {  // stands on a foot instead
    shape.has(1, "stand", {"round"}, "at the bottom");
    shape.lathe(Vec3{},
                {{0, 0},
                 {size * 0.2, 0},
                 {size * 0.18, size * 0.04},
                 {shaft * 2, size * 0.07},
                 {shaft * 2, size * 0.14},
                 {0, size * 0.14}});
  } else if (random.chance(0.7)) {  // crook
    shape.has(1, "handle", {"curved"}, "like a hook");
    const double hook = size * random.uniform(0.045, 0.07);
    std::vector<Vec3> path = arc({hook, hook + 0.01, 0}, {1, 0, 0}, {0, 1, 0}, hook, kPi, 2 * kPi);
    path.insert(path.begin(), {0, end + 0.02, 0});
    path.push_back({2 * hook, hook + 0.03, 0});
    shape.tube(path, shaft * random.uniform(1.4, 2.2));
  } else {  // straight grip
    shape.has(1, "handle", {"straight"});
    shape.lathe(Vec3{0, 0.0, 0},
                {{0, 0},
                 {shaft * 2.2, 0},
                 {shaft * 2.8, size * 0.03},
                 {shaft * 2.0, size * 0.12},
                 {shaft * 1.5, end + 0.01},
                 {0, end + 0.01}});
  }
}

}  // namespace

ShapeKind hammer() { return {"hammer", {"handle", "head"}, build_hammer}; }
ShapeKind knife() { return {"knife", {"blade", "handle"}, build_knife}; }
ShapeKind laptop() { return {"laptop", {"screen", "keyboard"}, build_laptop}; }
ShapeKind umbrella() { return {"umbrella", {"canopy", "shaft", "handle"}, build_umbrella}; }

}  // namespace pointattn::datasets
