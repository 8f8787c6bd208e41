// SPDX-License-Identifier: Apache-2.0
// Guitars.
#include "datasets/procedural/kinds.h"

namespace pointattn::datasets {
namespace {

enum GuitarPart { kGuitarBody, kGuitarNeck, kGuitarHead };

/// Stands upright, its face to the front.
void build_guitar(ShapeBuilder& shape, Random& random) {
  const double size = random.uniform(0.42, 0.52);  // of the body
  const double lower = size * random.uniform(0.36, 0.42);
  const double waist = lower * random.uniform(0.62, 0.78);
  const double upper = lower * random.uniform(0.7, 0.85);
  const bool electric = random.chance(0.45);
  const double depth = electric ? random.uniform(0.035, 0.05) : random.uniform(0.08, 0.12);
  const double horn = electric ? random.uniform(0.02, 0.1) : 0.0;
  const Outline right = smooth({{0, 0},
                                {lower * 0.8, size * 0.06},
                                {lower, size * 0.28},
                                {waist, size * 0.6},
                                {upper, size * 0.82},
                                {upper * 0.55, size * (0.97 + horn)},
                                {0.03, size}});
  Outline body = right;
  for (auto p = right.rbegin(); p != right.rend(); ++p)
    body.push_back({-p->x, p->y - (p->y > size * 0.6 ? horn * 0.25 : 0)});
  body.pop_back();
  shape.looks(electric ? "electric" : "acoustic");
  shape.part(kGuitarBody);
  shape.has(1,
            "body",
            {electric ? "thin" : "thick",
             size_word(waist / lower, 0.67, 0.73, "strongly waisted", ""),
             horn > 0.05 ? "horned" : "rounded"});
  shape.prism(Frame{}, body, depth);
  shape.box({0, size * 0.26, depth / 2}, {lower * 0.5, 0.02, 0.02});  // bridge
  shape.part(kGuitarNeck);
  const double neck = random.uniform(0.4, 0.5);
  const double wide = random.uniform(0.045, 0.06);
  shape.has(1,
            "neck",
            {size_word(neck / size, 0.88, 1.05, "short", "long"),
             size_word(wide / neck, 0.105, 0.13, "thin", "wide")});
  const double face = depth / 2;
  const double start = size * 0.72;
  const double end = size + neck;
  shape.prism(
      flat({0, (start + end) / 2, face}), ellipse(wide, 0.036, 3.0), end - start, {0.8, {}});
  shape.part(kGuitarHead);
  const double head = random.uniform(0.13, 0.18);
  const Frame tilted = Frame(Vec3{0, end - 0.004, face}).about_x(-random.uniform(0.0, 0.25));
  shape.prism(tilted,
              {{-wide * 0.4, 0},
               {wide * 0.4, 0},
               {wide * 0.75, head * 0.3},
               {wide * random.uniform(0.5, 0.8), head},
               {-wide * 0.6, head},
               {-wide * 0.75, head * 0.3}},
              0.016);
  const bool one_side = electric && random.chance(0.6);
  shape.has(1, "head", {size_word(head / size, 0.3, 0.36, "small", "large")});
  shape.has(6, "tuning peg", {}, one_side ? "on one side" : "on both sides");
  for (int i = 0; i < 6; ++i) {
    const double side = one_side || i % 2 ? -1.0 : 1.0;
    const double y = head * (one_side ? 0.25 + 0.12 * i : 0.35 + 0.12 * i);
    shape.rod(
        tilted.point({side * wide * 0.5, y, 0}), tilted.point({side * wide * 1.05, y, 0}), 0.006);
  }
}

}  // namespace

ShapeKind guitar() { return {"guitar", {"body", "neck", "head"}, build_guitar}; }

}  // namespace pointattn::datasets
