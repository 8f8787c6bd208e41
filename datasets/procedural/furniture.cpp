// SPDX-License-Identifier: Apache-2.0
// Tables, beds and bookshelves.
#include "datasets/procedural/kinds.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pointattn::datasets {
namespace {
constexpr double kPi = std::numbers::pi;

enum TablePart { kTop, kTableLeg, kDrawer, kTableShelf };

struct Table {
  double width;
  double depth;
  double height;
  double thickness;
  bool round;
};

void table_corner_legs(ShapeBuilder& shape, Random& random, const Table& t) {
  const double radius = random.uniform(0.018, 0.045);
  const double inset = t.round ? 0.32 : random.uniform(0.4, 0.47);
  const double splay = random.chance(0.3) ? random.uniform(0.02, 0.12) : 0.0;
  const double top = t.height - t.thickness / 2;
  const bool square = splay == 0.0 && random.chance(0.5);
  const int count = t.round ? random.count(3, 4) : 4;
  for (int i = 0; i < count; ++i) {
    const double angle = 2 * kPi * (i + 0.5) / count;
    const Vec3 head =
        t.round ? Vec3{std::cos(angle) * t.width * 0.4, top, std::sin(angle) * t.depth * 0.4}
                : Vec3{(i % 2 ? 1 : -1) * t.width * inset, top, (i / 2 ? 1 : -1) * t.depth * inset};
    const Vec3 out = unit({head.x, 0, head.z}) * splay;
    if (square) {
      shape.plate({head.x, 0, head.z}, rectangle(2 * radius, 2 * radius), top);
    } else {
      shape.rod(
          {head.x + out.x, 0, head.z + out.z}, head, radius * random.uniform(0.6, 1.0), radius);
    }
  }
}

void table_pedestal(ShapeBuilder& shape, Random& random, const Table& t) {
  const double foot = std::min(t.width, t.depth) * random.uniform(0.28, 0.4);
  const double column = random.uniform(0.03, 0.07);
  if (random.chance(0.5)) {
    shape.lathe(Vec3{}, {{0, 0}, {foot, 0}, {foot, 0.02}, {column * 1.5, 0.06}, {0, 0.06}});
  } else {
    const int feet = random.count(3, 4);
    for (int i = 0; i < feet; ++i) {
      const double angle = 2 * kPi * (i + 0.5) / feet;
      const Vec3 out{std::cos(angle), 0, std::sin(angle)};
      const Outline bend{{0, 0.2}, {foot * 0.4, 0.16}, {foot * 0.8, 0.05}, {foot * 1.15, 0.03}};
      shape.tube(path_in_plane(bend, {}, out, {0, 1, 0}), 0.04, 0.025);
    }
  }
  shape.rod(
      {0, 0.03, 0}, {0, t.height - t.thickness / 2, 0}, column * random.uniform(0.8, 1.5), column);
}

void table_panels(ShapeBuilder& shape, Random& random, const Table& t) {
  const double thick = random.uniform(0.02, 0.05);
  const double x = t.width * random.uniform(0.38, 0.48);
  for (const double s : {-1.0, 1.0}) {
    shape.box({s * x, t.height / 2 - t.thickness / 4, 0},
              {thick, t.height - t.thickness / 2, t.depth * 0.92});
  }
  if (random.chance(0.5)) {
    shape.box({0, t.height * 0.6, -t.depth * 0.35}, {2 * x, t.height * 0.45, thick * 0.7});
  }
}

/// Drawers hang under the top, so they belong to rectangular tables only.
void table_drawers(ShapeBuilder& shape, Random& random, const Table& t) {
  shape.part(kDrawer);
  const bool stack = random.chance(0.5);
  const int count = stack ? random.count(2, 4) : random.count(1, 3);
  const double front = t.depth * 0.44;
  const double height = stack ? t.height * random.uniform(0.14, 0.19) : random.uniform(0.08, 0.16);
  const double width = stack ? t.width * 0.3 : t.width * 0.8 / count;
  const double side = random.chance(0.5) ? 1.0 : -1.0;
  for (int i = 0; i < count; ++i) {
    const double x = stack ? side * t.width * 0.29 : (i + 0.5 - count / 2.0) * width;
    const double y = t.height - t.thickness - height * (stack ? i + 0.5 : 0.5) + 0.004;
    shape.box({x, y, 0}, {width * 0.96, height * 0.96, 2 * front});
    shape.ellipsoid({x, y, front + 0.012}, {0.02, 0.014, 0.018});
  }
}

void build_table(ShapeBuilder& shape, Random& random) {
  Table t{};
  t.width = random.uniform(0.7, 1.8);
  t.round = random.chance(0.3);
  t.depth = t.round && random.chance(0.7) ? t.width : t.width * random.uniform(0.45, 0.9);
  t.height = random.chance(0.25) ? random.uniform(0.35, 0.5)
                                 : random.uniform(0.65, 0.8);  // coffee table or dining table
  t.thickness = random.uniform(0.02, 0.07);
  shape.part(kTop);
  const Vec3 under{0, t.height - t.thickness, 0};
  if (t.round) {
    shape.plate(under, ellipse(t.width, t.depth), t.thickness);
  } else if (random.chance(0.15)) {
    shape.plate(under, regular_polygon(random.count(5, 8), t.width / 2), t.thickness);
    t.depth = t.width;
    t.round = true;
  } else {
    shape.plate(
        under, rounded_rectangle(t.width, t.depth, random.chance(0.5) ? 0.0 : 0.12), t.thickness);
  }
  shape.part(kTableLeg);
  const double kind = random.uniform();
  if (kind < 0.6 || (kind > 0.8 && t.round)) {
    table_corner_legs(shape, random, t);
  } else if (kind < 0.8 && t.width < 1.4) {
    table_pedestal(shape, random, t);
  } else if (t.round) {
    table_corner_legs(shape, random, t);
  } else {
    table_panels(shape, random, t);
  }
  if (!t.round && random.chance(0.35)) table_drawers(shape, random, t);
  if (random.chance(0.2) && kind < 0.6) {
    shape.part(kTableShelf);
    shape.plate(
        {0, t.height * random.uniform(0.15, 0.4), 0},
        t.round ? ellipse(t.width * 0.8, t.depth * 0.8) : rectangle(t.width * 0.9, t.depth * 0.9),
        0.02);
  }
}

enum BedPart { kFrame, kMattress, kHeadboard, kPillow, kBedLeg };

void build_headboard(ShapeBuilder& shape, Random& random, double width, double z, double height) {
  shape.part(kHeadboard);
  const double thick = random.uniform(0.03, 0.08);
  const int style = random.count(0, 2);
  if (style == 0) {
    shape.box({0, height / 2 + 0.1, z}, {width * 1.04, height - 0.2, thick});
  } else if (style == 1) {
    shape.prism(Frame(Vec3{0, height / 2 + 0.1, z}),
                ellipse(width * 1.05, height - 0.2, random.uniform(2.5, 5.0)),
                thick);
  } else {
    const int slats = random.count(5, 9);
    shape.box({0, height - 0.04, z}, {width * 1.04, 0.08, thick});
    shape.box({0, height * 0.4, z}, {width * 1.04, 0.06, thick * 0.8});
    for (int i = 0; i <= slats; ++i) {
      const double x = width * 0.5 * (2.0 * i / slats - 1);
      shape.rod(
          {x, i == 0 || i == slats ? 0.0 : height * 0.4, z}, {x, height - 0.04, z}, thick * 0.35);
    }
  }
}

void build_bed(ShapeBuilder& shape, Random& random) {
  const double width = random.uniform(0.85, 1.9);
  const double length_z = random.uniform(1.85, 2.15);
  const double leg = random.uniform(0.08, 0.28);
  const double rail = random.uniform(0.08, 0.22);
  const double mattress = random.uniform(0.12, 0.28);
  shape.part(kFrame);
  shape.box({0, leg + rail / 2, 0}, {width * 1.02, rail, length_z * 1.02});
  shape.part(kMattress);
  const double top = leg + rail + mattress;
  shape.plate({0, leg + rail - 0.02, 0},
              rounded_rectangle(width * 0.97, length_z * 0.97, 0.08),
              mattress + 0.02,
              {0.98, {}});
  shape.part(kPillow);
  const int pillows = width > 1.3 ? 2 : 1;
  const double pillow = width * 0.8 / pillows;
  for (int i = 0; i < pillows; ++i) {
    const Frame lying = Frame(Vec3{(i + 0.5 - pillows / 2.0) * width * 0.47 * (pillows > 1 ? 1 : 0),
                                   top + 0.03,
                                   -length_z * 0.36})
                            .about_x(random.uniform(0.0, 0.35));
    shape.prism(Frame{lying.origin, lying.x, lying.z * -1.0, lying.y},
                ellipse(pillow, 0.42, 4.0),
                0.14,
                {0.75, {}});
  }
  shape.part(kHeadboard);
  build_headboard(shape, random, width, -length_z * 0.51, top + random.uniform(0.25, 0.7));
  if (random.chance(0.35)) {  // a board at the foot end
    shape.part(kHeadboard);
    shape.box({0, (leg + top) / 2 + 0.05, length_z * 0.52}, {width * 1.04, top - leg + 0.1, 0.05});
  }
  shape.part(kBedLeg);
  const double radius = random.uniform(0.025, 0.05);
  for (const double sx : {-1.0, 1.0}) {
    for (const double sz : {-1.0, 1.0}) {
      shape.rod({sx * width * 0.46, 0, sz * length_z * 0.46},
                {sx * width * 0.46, leg + 0.02, sz * length_z * 0.46},
                radius * random.uniform(0.6, 1.0),
                radius);
    }
  }
}

enum BookshelfPart { kCase, kShelf, kBook };

void build_books(
    ShapeBuilder& shape, Random& random, double left, double right, double floor, double room) {
  double x = left + 0.01;
  const double end = left + (right - left) * random.uniform(0.3, 1.0);
  while (x < end - 0.05) {
    const double thick = random.uniform(0.03, 0.07);
    const double height = room * random.uniform(0.55, 0.9);
    const double depth = random.uniform(0.14, 0.2);
    shape.box({x + thick / 2, floor + height / 2 - 0.003, 0.02}, {thick * 0.96, height, depth});
    x += thick;
  }
}

void build_bookshelf(ShapeBuilder& shape, Random& random) {
  const double width = random.uniform(0.5, 1.3);
  const double height = random.uniform(0.8, 2.1);
  const double depth = random.uniform(0.24, 0.36);
  const double board = random.uniform(0.018, 0.035);
  const int shelves = random.count(2, 5);
  const int columns = width > 0.9 && random.chance(0.5) ? 2 : 1;
  const double plinth = random.uniform(0.0, 0.12);
  shape.part(kCase);
  for (int i = 0; i <= columns; ++i) {
    shape.box({width * (static_cast<double>(i) / columns - 0.5), height / 2, 0},
              {board, height, depth});
  }
  shape.box({0, height - board / 2, 0}, {width + board, board, depth});
  shape.box({0, plinth + board / 2, 0}, {width, board, depth * 0.99});
  if (random.chance(0.6))
    shape.box({0, (height + plinth) / 2, -depth / 2 + 0.006}, {width, height - plinth, 0.01});
  const double room = (height - plinth - board) / (shelves + 1);
  for (int row = 0; row <= shelves; ++row) {
    const double floor = plinth + room * row + board;
    shape.part(kShelf);
    if (row > 0) shape.box({0, floor - board / 2, 0}, {width - board * 0.5, board, depth * 0.96});
    shape.part(kBook);
    for (int column = 0; column < columns; ++column) {
      if (!random.chance(0.6)) continue;
      const double left = width * (static_cast<double>(column) / columns - 0.5) + board / 2;
      build_books(shape, random, left, left + width / columns - board, floor, room - board);
    }
  }
}

}  // namespace

ShapeKind table() { return {"table", {"top", "leg", "drawer", "shelf"}, build_table}; }
ShapeKind bed() { return {"bed", {"frame", "mattress", "headboard", "pillow", "leg"}, build_bed}; }
ShapeKind bookshelf() { return {"bookshelf", {"case", "shelf", "book"}, build_bookshelf}; }

}  // namespace pointattn::datasets
