// SPDX-License-Identifier: Apache-2.0
// Table, floor, desk and ceiling lamps.
#include "datasets/procedural/kinds.h"

#include <cmath>
#include <numbers>

namespace pointattn::datasets {
namespace {
constexpr double kPi = std::numbers::pi;

enum LampPart { kBase, kPole, kShade };

/// A shade about `frame`'s origin, opening towards its -y; the word for its form.
std::string build_shade(ShapeBuilder& shape, Random& random, const Frame& frame, double radius) {
  shape.part(kShade);
  const double height = radius * random.uniform(0.8, 1.6);
  const double wall = radius * 0.04;
  const int style = random.count(0, 3);
  if (style == 0) {  // cone or drum
    const double narrowed = random.uniform(0.3, 1.0);
    shape.lathe(frame.at({0, -height / 2, 0}),
                wall_section({{radius, 0}, {radius * narrowed, height}}, wall, 0));
    return narrowed > 0.85 ? "cylindrical" : "conical";
  }
  if (style == 1) {  // bowl
    Outline dome = dome_section(radius, height * 0.8, 0, kPi / 2 * 0.92);
    dome.erase(dome.begin());
    dome.pop_back();
    shape.lathe(frame.at({0, -height * 0.4, 0}), wall_section(dome, wall, 0));
    return "domed";
  }
  if (style == 2) {  // globe
    shape.ellipsoid(frame, {radius * 0.8, radius * random.uniform(0.6, 0.9), radius * 0.8});
    return "round";
  }
  const double neck = radius * random.uniform(0.2, 0.4);
  const Outline bell{
      {radius, 0}, {radius * 0.8, height * 0.25}, {neck * 1.3, height * 0.7}, {neck, height}};
  shape.lathe(frame.at({0, -height / 2, 0}), wall_section(smooth(bell), wall, 0));
  return "bell shaped";
}

void build_base(ShapeBuilder& shape, Random& random, double radius) {
  shape.part(kBase);
  const double height = radius * random.uniform(0.1, 0.3);
  const int style = random.count(0, 3);
  if (style < 3) {
    shape.has(1, "base", {style == 2 ? "" : "flat", style == 1 ? "rectangular" : "round"});
  }
  if (style == 0) {
    shape.lathe(Vec3{}, cylinder_section(radius, radius * random.uniform(0.6, 1.0), height));
  } else if (style == 1) {
    shape.plate({}, rounded_rectangle(2 * radius, 1.6 * radius, 0.02), height);
  } else if (style == 2) {
    shape.lathe(Vec3{}, dome_section(radius, height * 1.6, 0, kPi / 2));
  } else {
    const int feet = random.count(3, 4);
    shape.has(feet, "leg", {"thin", "splayed"});
    for (int i = 0; i < feet; ++i) {
      const double angle = 2 * kPi * i / feet;
      shape.rod({0, radius * 0.55, 0},
                {radius * 1.1 * std::cos(angle), 0, radius * 1.1 * std::sin(angle)},
                radius * 0.09);
    }
    shape.ellipsoid({0, radius * 0.55, 0}, {radius * 0.16, radius * 0.12, radius * 0.16});
  }
}

void standing_lamp(ShapeBuilder& shape, Random& random, bool floor) {
  const double height = floor ? random.uniform(1.2, 1.75) : random.uniform(0.3, 0.6);
  const double radius = floor ? random.uniform(0.13, 0.2) : random.uniform(0.08, 0.15);
  shape.called(floor ? "floor lamp" : "table lamp");
  build_base(shape, random, radius);
  shape.part(kPole);
  const double pole = floor ? random.uniform(0.01, 0.02) : random.uniform(0.008, 0.03);
  const double start = 0.005;
  if (!floor && random.chance(0.45)) {  // a turned body
    const double belly = random.uniform(0.03, 0.09);
    shape.has(1, "body", {size_word(belly / height, 0.09, 0.15, "slim", "fat"), "curvy"});
    const Outline outer{{pole, start},
                        {belly, height * random.uniform(0.2, 0.5)},
                        {pole * 1.3, height * 0.75},
                        {pole, height}};
    Outline section = smooth(outer);
    section.insert(section.begin(), {0, start});
    section.push_back({0, height});
    shape.lathe(Vec3{}, section);
  } else if (floor && random.chance(0.3)) {  // an arc that carries the shade over the front
    const double reach = random.uniform(0.3, 0.6);
    shape.has(1, "pole", {"thin", "arched"});
    const Outline bow{
        {0, start}, {0.02, height * 0.6}, {reach * 0.4, height * 1.02}, {reach, height * 0.92}};
    shape.tube(path_in_plane(bow, {}, {0, 0, 1}, {0, 1, 0}), pole);
    const std::string form =
        build_shade(shape, random, Frame(Vec3{0, height * 0.9, reach}), random.uniform(0.13, 0.2));
    return shape.has(1, "shade", {form}, "over the front");
  } else {
    shape.has(1, "pole", {size_word(pole / height, 0.018, 0.035, "thin", "thick"), "straight"});
    shape.rod({0, start, 0}, {0, height, 0}, pole);
  }
  const double size = random.uniform(1.0, 1.7);
  const std::string form = build_shade(shape, random, Frame(Vec3{0, height, 0}), radius * size);
  shape.has(1, "shade", {size_word(size, 1.2, 1.5, "small", "large"), form});
}

void desk_lamp(ShapeBuilder& shape, Random& random) {
  const double arm = random.uniform(0.22, 0.35);
  const double lower = random.uniform(-0.5, 0.0);
  const double upper = random.uniform(0.5, 1.1);
  shape.called("desk lamp");
  build_base(shape, random, random.uniform(0.07, 0.11));
  shape.part(kPole);
  const Vec3 foot{0, 0.01, 0};
  const Vec3 elbow = foot + Vec3{0, std::cos(lower), std::sin(lower)} * arm;
  const Vec3 head = elbow + Vec3{0, std::cos(upper), std::sin(upper)} * arm;
  shape.has(1, "jointed arm", {"thin", "bent"});
  shape.rod(foot, elbow, 0.009);
  shape.rod(elbow, head, 0.009);
  shape.ellipsoid(elbow, {0.018, 0.018, 0.018});
  const std::string form = build_shade(
      shape, random, Frame{head}.about_x(random.uniform(-0.7, 0.0)), random.uniform(0.06, 0.1));
  shape.has(1, "shade", {"small", form});
}

void ceiling_lamp(ShapeBuilder& shape, Random& random) {
  const double drop = random.uniform(0.3, 1.0);
  const int shades = random.chance(0.3) ? random.count(2, 4) : 1;
  const double canopy = random.uniform(0.05, 0.08);
  const double spread = shades > 1 ? random.uniform(0.25, 0.4) : 0.0;
  const double radius = shades > 1 ? random.uniform(0.08, 0.12) : random.uniform(0.12, 0.25);
  shape.called("hanging lamp");
  shape.part(kBase);
  shape.has(1, shades > 1 ? "bar" : "ceiling plate", {shades > 1 ? "straight" : "round"});
  if (shades > 1) {
    shape.box({0, drop, 0}, {spread * (shades - 1) + 2 * canopy, canopy * 0.5, canopy * 1.5});
  } else {
    shape.lathe(Vec3{0, drop - canopy * 0.3, 0},
                cylinder_section(canopy, canopy * 0.9, canopy * 0.6));
  }
  std::string form;
  for (int i = 0; i < shades; ++i) {
    const double x = (i - (shades - 1) / 2.0) * spread;
    shape.part(kPole);
    shape.rod({x, 0, 0}, {x, drop, 0}, 0.006);
    form = build_shade(shape, random, Frame(Vec3{x, 0, 0}), radius);
  }
  // Several shades differ in form.
  shape.has(shades, "shade", {shades == 1 ? form : ""});
  shape.part(kPole);
  shape.has(shades, "cord", {size_word(drop / radius, 3.0, 5.0, "short", "long"), "thin"});
}

void build_lamp(ShapeBuilder& shape, Random& random) {
  const double kind = random.uniform();
  if (kind < 0.38) return standing_lamp(shape, random, false);
  if (kind < 0.65) return standing_lamp(shape, random, true);
  if (kind < 0.82) return desk_lamp(shape, random);
  ceiling_lamp(shape, random);
}

}  // namespace

ShapeKind lamp() { return {"lamp", {"base", "pole", "shade"}, build_lamp}; }

}  // namespace pointattn::datasets
