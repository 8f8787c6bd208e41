// SPDX-License-Identifier: Apache-2.0
// Airplanes, the nose to +z.
#include "datasets/procedural/kinds.h"

#include <numbers>

namespace pointattn::datasets {
namespace {
constexpr double kPi = std::numbers::pi;

enum AirplanePart { kPlaneBody, kWing, kTail, kEngine };

struct Wing {
  Vec3 root;    ///< middle of the root section
  double span;  ///< length of one side
  double chord;
  double taper;  ///< tip chord / root chord
  double sweep;  ///< how far the tip lies behind
  double rise;   ///< how far the tip lies above
  double thickness;
};

/// One side of a wing: side -1 is left (-x), 1 right, 0 a fin that stands up.
void build_wing(ShapeBuilder& shape, const Wing& w, double side) {
  const Outline section = ellipse(w.chord, w.thickness, 2.0);
  // The section lies in the plane of z (outline x) and the thickness direction; extrusion runs from
  // the root to the tip.
  const Vec3 span = side == 0 ? Vec3{0, 1, 0} : Vec3{side, 0, 0};
  const Vec3 along_chord{0, 0, 1};
  const Vec3 thick = cross(span, along_chord);
  const double up = thick.y;  // the sense in which the outline's y goes up
  const Frame frame{w.root + span * (w.span / 2), along_chord, thick, span};
  shape.prism(frame, section, w.span, {w.taper, {-w.sweep, w.rise * up}});
}

/// Body of revolution along z, nose in front.
void build_fuselage(ShapeBuilder& shape, Random& random, double size, double radius) {
  const double nose = size * random.uniform(0.08, 0.2);
  const double tail = size * random.uniform(0.25, 0.42);
  Outline section{{0, -size / 2}};
  const Outline upper = smooth({{radius * 0.12, -size / 2},
                                {radius * 0.6, -size / 2 + tail * 0.5},
                                {radius, -size / 2 + tail}});
  section.insert(section.end(), upper.begin(), upper.end());
  for (int i = 0; i <= 8; ++i) {
    const double angle = kPi / 2 * i / 8;
    section.push_back({radius * std::cos(angle), size / 2 - nose + nose * std::sin(angle)});
  }
  shape.lathe(along(Vec3{}, {0, 0, 1}), section);
}

void build_engines(ShapeBuilder& shape, Random& random, const Wing& wing, double radius) {
  shape.part(kEngine);
  const double kind = random.uniform();
  const double engine = radius * random.uniform(0.35, 0.55);
  const double size = engine * random.uniform(2.5, 4.5);
  if (kind < 0.7) {  // under the wings
    const int pairs = random.chance(0.3) ? 2 : 1;
    shape.has(2 * pairs, "engine", {}, "under the wings");
    for (int i = 0; i < pairs; ++i) {
      const double t = pairs == 1 ? random.uniform(0.3, 0.4) : 0.28 + 0.3 * i;
      for (const double s : {-1.0, 1.0}) {
        const Vec3 mount =
            wing.root +
            Vec3{s * wing.span * t, wing.rise * t, -wing.sweep * t + wing.chord * (0.35 - 0.2 * t)};
        const Vec3 axis = mount - Vec3{0, engine * 0.95, 0};
        shape.lathe(along(axis - Vec3{0, 0, size / 2}, {0, 0, 1}),
                    {{0, size * 0.1},
                     {engine * 0.6, 0},
                     {engine * 0.95, size * 0.4},
                     {engine, size * 0.8},
                     {engine * 0.9, size},
                     {engine * 0.75, size * 0.94},
                     {0, size * 0.8}});
        shape.box(mount - Vec3{0, engine * 0.3, 0}, {engine * 0.2, engine * 0.6, size * 0.6});
      }
    }
  } else {  // beside the tail
    shape.has(2, "engine", {}, "beside the tail");
    for (const double s : {-1.0, 1.0}) {
      const Vec3 back{s * (radius * 0.85 + engine), radius * 0.45, wing.root.z - wing.chord * 1.6};
      shape.rod(back, back + Vec3{0, 0, size}, engine * 0.75, engine);
      shape.box(back + Vec3{-s * engine, 0, size * 0.5}, {engine * 2, engine * 0.3, size * 0.5});
    }
  }
}

void build_airplane(ShapeBuilder& shape, Random& random) {
  const double size = 1.0;
  const double radius = random.uniform(0.045, 0.075);
  shape.part(kPlaneBody);
  shape.has(1, "fuselage", {size_word(radius, 0.052, 0.067, "thin", "thick"), "round"});
  build_fuselage(shape, random, size, radius);
  Wing wing{};
  wing.span = random.uniform(0.38, 0.62);
  wing.chord = random.uniform(0.14, 0.24);
  wing.taper = random.uniform(0.25, 0.9);
  wing.sweep = wing.taper > 0.7 ? random.uniform(0.0, 0.05) : random.uniform(0.05, 0.32);
  wing.rise = random.uniform(-0.02, 0.08);
  wing.thickness = random.uniform(0.014, 0.024);
  wing.root = {0, radius * random.uniform(-0.7, 0.8), random.uniform(0.0, 0.1)};
  shape.part(kWing);
  shape.has(2,
            "wing",
            {size_word(wing.span, 0.43, 0.56, "short", "long"),
             size_word(wing.chord / wing.span, 0.33, 0.45, "narrow", "wide"),
             size_word(wing.sweep / wing.span, 0.1, 0.3, "straight", "swept")});
  build_wing(shape, wing, -1);
  build_wing(shape, wing, 1);
  shape.part(kTail);
  const double scale = random.uniform(0.32, 0.45);
  const bool high = random.chance(0.25);  // a T-tail
  shape.has(1, "tail", {high ? "t shaped" : ""}, high ? "" : "with low fins");
  Wing fin = wing;
  fin.span = random.uniform(0.13, 0.2);
  fin.chord = random.uniform(0.11, 0.16);
  fin.taper = random.uniform(0.45, 0.75);
  fin.sweep = random.uniform(0.03, 0.12);
  fin.rise = 0;
  fin.root = {0, 0, -size * 0.5 + fin.chord * 0.6};
  build_wing(shape, fin, 0);
  Wing stabilizer = wing;
  stabilizer.span = wing.span * scale;
  stabilizer.chord = fin.chord * (high ? 0.7 : random.uniform(0.7, 0.95));
  stabilizer.sweep = wing.sweep * scale;
  stabilizer.root =
      fin.root + (high ? Vec3{0, fin.span * 0.96, -fin.sweep} : Vec3{0, radius * 0.15, 0});
  build_wing(shape, stabilizer, -1);
  build_wing(shape, stabilizer, 1);
  if (random.chance(0.85)) {
    build_engines(shape, random, wing, radius);
  } else {  // a propeller at the nose
    shape.part(kEngine);
    shape.has(1, "propeller", {}, "at the nose");
    shape.ellipsoid({0, 0, size / 2}, {radius * 0.3, radius * 0.3, radius * 0.6});
    const double turn = random.uniform(0, kPi);
    shape.prism(
        Frame(Vec3{0, 0, size / 2 + 0.01}).about_z(turn), ellipse(radius * 5, radius * 0.5), 0.008);
  }
}

}  // namespace

ShapeKind airplane() { return {"airplane", {"body", "wing", "tail", "engine"}, build_airplane}; }

}  // namespace pointattn::datasets
