// SPDX-License-Identifier: Apache-2.0
// What chairs stand on.
#include "datasets/procedural/chair.h"

#include <cmath>
#include <numbers>

namespace pointattn::datasets {
namespace {
constexpr double kPi = std::numbers::pi;

void straight_legs(ShapeBuilder& shape, Random& random, const Chair& c) {
  const double radius = random.uniform(0.012, 0.028);
  const double taper = random.uniform(0.55, 1.0);
  const double splay = random.chance(0.5) ? random.uniform(0.0, 0.09) : 0.0;
  const double x = c.width * 0.5 * random.uniform(0.7, 0.88);
  const double z = c.depth * 0.5 * random.uniform(0.7, 0.88);
  const bool square = random.chance(0.4);
  const double top = c.seat_top - c.thickness * 0.8;
  const std::string lean = !square && splay > 0.03 ? "splayed" : "straight";
  shape.has(4,
            "leg",
            {size_word(radius / c.seat_top, 0.036, 0.052, "thin", "thick"),
             square ? "square" : (taper < 0.7 ? "tapered" : ""),
             lean});
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
  shape.has(3, "crossbar", {}, "between the legs");
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
  shape.has(1, "star base");
  shape.has(spokes, "spoke", {}, "at the foot");
  if (castors) shape.has(spokes, "castor");
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
  shape.has(1, cantilever ? "cantilever base" : "sled base", {"thin"});
  shape.has(2, "runner", {}, "on the floor");
  for (const double s : {-1.0, 1.0}) {
    shape.rod({s * x, radius, -z}, {s * x, radius, z}, radius);
    shape.rod({s * x, radius, z}, {s * x, top, z}, radius);
    if (!cantilever) shape.rod({s * x, radius, -z}, {s * x, top, -z}, radius);
  }
  shape.rod({-x, radius, cantilever ? -z : 0}, {x, radius, cantilever ? -z : 0}, radius);
}

void disc_base(ShapeBuilder& shape, Random& random, const Chair& c) {
  const double radius = c.width * random.uniform(0.4, 0.52);
  shape.has(1, "base", {"flat", "round"});
  shape.has(1, "central column");
  shape.lathe(Vec3{}, {{0, 0}, {radius, 0}, {radius, 0.015}, {0.05, 0.045}, {0, 0.045}});
  shape.rod({0, 0.02, 0}, {0, c.seat_top - c.thickness * 0.8, 0}, random.uniform(0.022, 0.04));
}

}  // namespace

void build_chair_legs(ShapeBuilder& shape, Random& random, const Chair& c) {
  shape.part(kLeg);
  const double kind = random.uniform();
  if (kind < 0.58) return straight_legs(shape, random, c);
  if (kind < 0.75) return star_base(shape, random, c);
  if (kind < 0.88) return sled_base(shape, random, c);
  disc_base(shape, random, c);
}

}  // namespace pointattn::datasets
