// SPDX-License-Identifier: Apache-2.0
// Sofas.
#include "datasets/procedural/kinds.h"

namespace pointattn::datasets {
namespace {

enum SofaPart { kSofaBack, kSofaSeat, kSofaArm, kSofaFoot };

void build_sofa(ShapeBuilder& shape, Random& random) {
  const int seats = random.count(1, 4);
  const double seat_width = random.uniform(0.5, 0.7);
  const double width = seats * seat_width;
  const double depth = random.uniform(0.7, 0.95);
  const double foot = random.uniform(0.05, 0.16);
  const double seat_top = random.uniform(0.36, 0.46);
  const double arm = random.uniform(0.08, 0.22);
  const double arm_top = seat_top + random.uniform(0.1, 0.28);
  const double back_top = seat_top + random.uniform(0.28, 0.55);
  const double back_depth = random.uniform(0.14, 0.24);
  static const char* const places[] = {"single seat", "two seat", "three seat", "four seat"};
  shape.looks(size_word(width / depth, 0.9, 2.2, "narrow", "long"));
  shape.looks(places[seats - 1]);
  shape.part(kSofaSeat);
  shape.has(seats, "seat cushion", {size_word(seat_width / depth, 0.6, 0.85, "narrow", "wide")});
  const double frame_top = seat_top - random.uniform(0.1, 0.16);
  shape.box({0, (foot + frame_top) / 2, 0}, {width, frame_top - foot, depth});
  const double cushion = seat_top - frame_top + 0.02;
  for (int i = 0; i < seats; ++i) {
    const double x = (i + 0.5) * seat_width - width / 2;
    shape.plate({x, frame_top - 0.02, back_depth / 2},
                rounded_rectangle(seat_width * 0.98, depth - back_depth, 0.06),
                cushion,
                {0.96, {}});
  }
  shape.part(kSofaBack);
  const double lean = random.uniform(0.0, 0.2);
  const Frame back = Frame(Vec3{0, foot, -depth / 2 + back_depth * 0.4}).about_x(-lean);
  shape.prism(back.at({0, (back_top - foot) / 2, 0}),
              rounded_rectangle(width, back_top - foot, random.uniform(0.0, 0.12)),
              back_depth * 0.7);
  shape.has(1,
            "back",
            {size_word((back_top - seat_top) / depth, 0.42, 0.58, "low", "tall"),
             size_word(lean, 0.03, 0.13, "upright", "reclined")});
  if (random.chance(0.6)) {
    shape.has(seats, "back cushion", {"padded"});
    for (int i = 0; i < seats; ++i) {
      const double x = (i + 0.5) * seat_width - width / 2;
      const double h = back_top - seat_top;
      shape.prism(back.at({x, seat_top - foot + h * 0.5, back_depth * 0.4}),
                  rounded_rectangle(seat_width * 0.95, h * 0.95, 0.08),
                  back_depth * 0.7,
                  {0.85, {}});
    }
  }
  shape.part(kSofaArm);
  const bool armed = !random.chance(0.1);
  if (armed) {
    const bool round = random.chance(0.4);
    shape.has(2,
              "arm",
              {size_word(arm / depth, 0.14, 0.22, "narrow", "wide"), round ? "round" : "square"});
    for (const double s : {-1.0, 1.0}) {
      const double x = s * (width / 2 + arm * 0.48);
      shape.box({x, (foot + arm_top) / 2, 0}, {arm, arm_top - foot, depth});
      if (round) shape.rod({x, arm_top, -depth / 2}, {x, arm_top, depth / 2 + 0.01}, arm * 0.62);
    }
  }
  if (!armed) shape.lacks("arms");
  shape.part(kSofaFoot);
  shape.has(4, "foot", {size_word(foot, 0.08, 0.13, "short", "tall")});
  for (const double sx : {-1.0, 1.0}) {
    for (const double sz : {-1.0, 1.0}) {
      shape.rod({sx * width * 0.46, 0, sz * depth * 0.42},
                {sx * width * 0.46, foot + 0.01, sz * depth * 0.42},
                0.02,
                0.03);
    }
  }
}

}  // namespace

ShapeKind sofa() { return {"sofa", {"back", "seat", "arm", "foot"}, build_sofa}; }

}  // namespace pointattn::datasets
