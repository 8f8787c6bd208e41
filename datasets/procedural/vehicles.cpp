// SPDX-License-Identifier: Apache-2.0
// Cars, rockets and skateboards.
#include "datasets/procedural/kinds.h"

#include <cmath>
#include <numbers>

namespace pointattn::datasets {
namespace {
constexpr double kPi = std::numbers::pi;

enum CarPart { kCarBody, kCabin, kHood, kWheel };

void build_car(ShapeBuilder& shape, Random& random) {
  const double size = random.uniform(3.6, 5.0);
  const double width = random.uniform(1.6, 1.95);
  const double wheel = random.uniform(0.28, 0.4);
  const double floor = wheel * random.uniform(0.45, 0.8);
  const double belt = floor + random.uniform(0.5, 0.7);
  const double roof = random.uniform(0.4, 0.8);
  const int style = random.count(0, 3);  // saloon, hatchback, pick-up, van
  const double nose = style == 3 ? size * 0.12 : size * random.uniform(0.24, 0.32);
  const double boot =
      style == 0 ? size * random.uniform(0.15, 0.22) : (style == 2 ? size * 0.4 : size * 0.02);
  static const char* const names[] = {"sedan", "hatchback", "pickup truck", "van"};
  shape.called(names[style]);
  shape.looks(size_word(size / width, 2.2, 2.65, "short", "long"));
  shape.part(kCarBody);
  shape.has(1, "body", {size_word((belt - floor) / size, 0.125, 0.155, "low", "tall")});
  const double slope = random.uniform(0.05, 0.15);
  const double half = size / 2;
  shape.prism(profile({0, 0, 0}),
              {{-half, floor},
               {half, floor},
               {half, floor + (belt - floor) * 0.6},
               {half - nose * 0.1, belt - slope * 0.7},
               {half - nose, belt},
               {-half + 0.05, belt},
               {-half, belt - 0.1}},
              width);
  shape.box({0, floor + 0.12, half}, {width * 0.94, 0.16, 0.16});
  shape.box({0, floor + 0.12, -half}, {width * 0.94, 0.16, 0.16});
  shape.part(kCabin);
  const double front = half - nose;
  const double rear = -half + boot + 0.05;
  const double screen = roof * random.uniform(0.5, style == 3 ? 0.7 : 1.2);
  const double window =
      style == 0 ? roof * random.uniform(0.6, 1.2) : roof * random.uniform(0.1, 0.4);
  shape.has(1,
            "cabin",
            {size_word(roof / (front - rear), 0.2, 0.35, "low", "tall")},
            style == 2 ? "before an open bed" : "");
  const double middle = (front + rear) / 2;
  const Outline cabin{{rear - middle, -0.02},
                      {front - middle, -0.02},
                      {front - screen - middle, roof},
                      {rear + window - middle, roof}};
  shape.prism(profile({0, belt, middle}), cabin, width * random.uniform(0.84, 0.95));
  shape.part(kHood);
  shape.has(1, "hood", {size_word(nose / size, 0.2, 0.28, "short", "long")});
  const double tilt = std::atan2(slope * 0.7, nose * 0.9);
  shape.box(Frame(Vec3{0, belt - slope * 0.35 + 0.015, half - nose * 0.55}).about_x(tilt),
            {width * 0.9, 0.04, nose * 0.88});
  shape.part(kWheel);
  shape.has(4, "wheel", {size_word(wheel / size, 0.07, 0.085, "small", "large")});
  const double base = size * random.uniform(0.28, 0.33);
  const double tyre = random.uniform(0.18, 0.26);
  for (const double sx : {-1.0, 1.0}) {
    for (const double sz : {-1.0, 1.0}) {
      const double x = sx * (width / 2 - tyre / 2 + 0.03);
      const Frame hub = along({x - tyre / 2, wheel, sz * base}, {1, 0, 0});
      shape.lathe(hub,
                  {{0, 0.02},
                   {wheel * 0.6, 0.02},
                   {wheel * 0.65, 0},
                   {wheel * 0.94, 0},
                   {wheel, 0.04},
                   {wheel, tyre - 0.04},
                   {wheel * 0.94, tyre},
                   {wheel * 0.65, tyre},
                   {wheel * 0.6, tyre - 0.02},
                   {0, tyre - 0.02}});
    }
  }
}

enum RocketPart { kRocketBody, kNose, kFin, kNozzle };

void build_rocket(ShapeBuilder& shape, Random& random) {
  const double radius = random.uniform(0.05, 0.11);
  const double body = random.uniform(0.45, 0.75);
  const double nose = radius * random.uniform(1.6, 4.0);
  const double bulge = random.uniform(0.95, 1.3);
  const double top = radius * random.uniform(0.75, 1.0);
  const double bottom = 0.12;
  shape.looks(size_word(body / radius, 6.0, 10.0, "fat", "slim"));
  shape.part(kRocketBody);
  shape.has(1, "body", {bulge > 1.18 ? "bulging" : (bulge < 1.03 ? "straight" : ""), "round"});
  Outline section =
      smooth({{radius, bottom}, {radius * bulge, bottom + body * 0.45}, {top, bottom + body}});
  section.insert(section.begin(), {0, bottom});
  section.push_back({0, bottom + body});
  shape.lathe(Vec3{}, section);
  shape.part(kNose);
  const double join = bottom + body - 0.003;
  const bool cone = random.chance(0.35);
  shape.has(1,
            "nose",
            {size_word(nose / radius, 2.2, 3.4, "short", "long"), cone ? "conical" : "rounded"});
  if (cone) {
    shape.lathe(Vec3{0, join, 0}, cylinder_section(top, 0.002, nose));
  } else {
    shape.lathe(Vec3{0, join, 0}, dome_section(top, nose, 0, kPi / 2));
  }
  if (random.chance(0.4)) {
    shape.has(1, "antenna", {"thin"}, "at the tip");
    shape.rod({0, join + nose * 0.95, 0}, {0, join + nose * 1.25, 0}, 0.006);
  }
  shape.part(kNozzle);
  const double nozzle = radius * random.uniform(0.6, 0.95);
  shape.has(1, "nozzle", {size_word(nozzle / radius, 0.7, 0.85, "narrow", "wide")});
  shape.lathe(Vec3{0, bottom - radius * 0.8, 0},
              cylinder_section(nozzle, nozzle * 0.5, radius * 0.85));
  shape.part(kFin);
  const int fins = random.count(3, 4);
  const double reach = radius * random.uniform(1.2, 2.2);
  const double height = body * random.uniform(0.22, 0.42);
  const double drop = random.uniform(0.0, bottom);
  const double tip = height * random.uniform(0.2, 0.7);
  shape.has(fins,
            "fin",
            {size_word(reach / radius, 1.5, 1.9, "narrow", "wide"),
             size_word(height / body, 0.28, 0.36, "short", "tall"),
             drop > 0.06 ? "swept" : ""});
  for (int i = 0; i < fins; ++i) {
    const double angle = 2 * kPi * i / fins + kPi / 4;
    const Frame fin = Frame{}.about_y(angle);
    const double inner = radius * 0.7;
    shape.prism(fin,
                {{inner, bottom + 0.01},
                 {inner + reach, bottom - drop},
                 {inner + reach, bottom - drop + tip},
                 {inner, bottom + height}},
                radius * 0.12);
  }
}

enum SkateboardPart { kDeck, kTruck, kRoller };

void build_skateboard(ShapeBuilder& shape, Random& random) {
  const double size = random.uniform(0.6, 1.0);
  const double width = size * random.uniform(0.22, 0.3);
  const double kick = random.uniform(0.0, 0.45);  // rise of the ends, radians
  const double end = size * random.uniform(0.14, 0.2);
  const double thick = random.uniform(0.01, 0.018);
  const double wheel = random.uniform(0.026, 0.038);
  const double deck = wheel + random.uniform(0.05, 0.07);
  const double straight = size - 2 * end;
  shape.looks(size_word(width / size, 0.24, 0.28, "narrow", "wide"));
  shape.part(kDeck);
  shape.has(1, "deck", {size_word(kick, 0.08, 0.25, "flat", "")});
  shape.has(2, "end", {size_word(kick, 0.08, 0.25, "straight", "raised"), "rounded"});
  shape.box({0, deck + thick / 2, 0}, {width, thick, straight + thick});
  for (const double s : {-1.0, 1.0}) {
    Outline tip = ellipse(width, end * 2);
    for (Vec2& p : tip) p.y = p.y > 0 ? p.y : p.y * 0.05;
    const Frame hinge =
        Frame(Vec3{0, deck + thick / 2, s * straight / 2}).about_y(s > 0 ? 0 : kPi).about_x(-kick);
    shape.prism({hinge.origin, hinge.x * -1.0, hinge.z, hinge.y}, tip, thick);
  }
  for (const double s : {-1.0, 1.0}) {
    const double z = s * straight * random.uniform(0.36, 0.46);
    shape.part(kTruck);
    shape.box({0, deck - 0.006, z}, {width * 0.3, 0.014, width * 0.42});
    shape.rod({0, deck - 0.01, z}, {0, wheel, z}, 0.018, 0.012);
    shape.rod({-width * 0.42, wheel, z}, {width * 0.42, wheel, z}, 0.009);
    shape.part(kRoller);
    const double breadth = wheel * random.uniform(0.9, 1.4);
    for (const double side : {-1.0, 1.0}) {
      shape.rod({side * (width * 0.42 - breadth / 2), wheel, z},
                {side * (width * 0.42 + breadth / 2), wheel, z},
                wheel);
    }
  }
  shape.part(kTruck);
  shape.has(2, "truck", {}, "under the deck");
  shape.part(kRoller);
  shape.has(4, "wheel", {size_word(wheel / size, 0.036, 0.046, "small", "large")});
}

}  // namespace

ShapeKind car() { return {"car", {"body", "cabin", "hood", "wheel"}, build_car}; }
ShapeKind rocket() { return {"rocket", {"body", "nose", "fin", "nozzle"}, build_rocket}; }
ShapeKind skateboard() { return {"skateboard", {"deck", "truck", "wheel"}, build_skateboard}; }

}  // namespace pointattn::datasets
