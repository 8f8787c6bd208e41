// SPDX-License-Identifier: Apache-2.0
// Beds and bookshelves.
#include "datasets/procedural/kinds.h"

namespace pointattn::datasets {
namespace {

enum BedPart { kFrame, kMattress, kHeadboard, kPillow, kBedLeg };

void build_headboard(ShapeBuilder& shape, Random& random, double width, double z, double height) {
  shape.part(kHeadboard);
  const double thick = random.uniform(0.03, 0.08);
  const int style = random.count(0, 2);
  const std::string size = size_word(height / width, 0.55, 0.9, "low", "tall");
  if (style == 0) {
    shape.has(1, "headboard", {size, "solid", "rectangular"});
    shape.box({0, height / 2 + 0.1, z}, {width * 1.04, height - 0.2, thick});
  } else if (style == 1) {
    shape.has(1, "headboard", {size, "rounded"});
    shape.prism(Frame(Vec3{0, height / 2 + 0.1, z}),
                ellipse(width * 1.05, height - 0.2, random.uniform(2.5, 5.0)),
                thick);
  } else {
    const int slats = random.count(5, 9);
    shape.has(1, "headboard", {size, "slatted"});
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
  shape.looks(size_word(width / length_z, 0.55, 0.8, "narrow", "wide"));
  shape.part(kFrame);
  shape.has(1, "frame", {size_word(rail, 0.11, 0.18, "thin", "thick")});
  shape.box({0, leg + rail / 2, 0}, {width * 1.02, rail, length_z * 1.02});
  shape.part(kMattress);
  shape.has(1, "mattress", {size_word(mattress, 0.16, 0.23, "thin", "thick")});
  const double top = leg + rail + mattress;
  shape.plate({0, leg + rail - 0.02, 0},
              rounded_rectangle(width * 0.97, length_z * 0.97, 0.08),
              mattress + 0.02,
              {0.98, {}});
  shape.part(kPillow);
  const int pillows = width > 1.3 ? 2 : 1;
  const double pillow = width * 0.8 / pillows;
  shape.has(pillows, "pillow");
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
    shape.has(1, "footboard", {"low"});
    shape.box({0, (leg + top) / 2 + 0.05, length_z * 0.52}, {width * 1.04, top - leg + 0.1, 0.05});
  }
  shape.part(kBedLeg);
  const double radius = random.uniform(0.025, 0.05);
  shape.has(4, "leg", {size_word(leg, 0.14, 0.21, "short", "long")});
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
  shape.looks(size_word(height / width, 1.3, 2.2, "low", "tall"));
  shape.looks(size_word(width / height, 0.4, 0.8, "narrow", "wide"));
  shape.part(kCase);
  if (columns == 2) shape.has(2, "column", {"upright"});
  for (int i = 0; i <= columns; ++i) {
    shape.box({width * (static_cast<double>(i) / columns - 0.5), height / 2, 0},
              {board, height, depth});
  }
  shape.box({0, height - board / 2, 0}, {width + board, board, depth});
  shape.box({0, plinth + board / 2, 0}, {width, board, depth * 0.99});
  const bool closed = random.chance(0.6);
  shape.has(1, closed ? "back panel" : "back", {closed ? "closed" : "open"});
  if (closed)
    shape.box({0, (height + plinth) / 2, -depth / 2 + 0.006}, {width, height - plinth, 0.01});
  const double room = (height - plinth - board) / (shelves + 1);
  int filled = 0;
  for (int row = 0; row <= shelves; ++row) {
    const double floor = plinth + room * row + board;
    shape.part(kShelf);
    if (row > 0) shape.box({0, floor - board / 2, 0}, {width - board * 0.5, board, depth * 0.96});
    shape.part(kBook);
    for (int column = 0; column < columns; ++column) {
      if (!random.chance(0.6)) continue;
      ++filled;
      const double left = width * (static_cast<double>(column) / columns - 0.5) + board / 2;
      build_books(shape, random, left, left + width / columns - board, floor, room - board);
    }
  }
  shape.part(kShelf);
  shape.has(shelves, "shelf", {"flat"});
  shape.part(kBook);
  if (filled > 0) {
    shape.has(filled, "row of books");
  } else {
    shape.lacks("books");
  }
}

}  // namespace

ShapeKind bed() { return {"bed", {"frame", "mattress", "headboard", "pillow", "leg"}, build_bed}; }
ShapeKind bookshelf() { return {"bookshelf", {"case", "shelf", "book"}, build_bookshelf}; }

}  // namespace pointattn::datasets
