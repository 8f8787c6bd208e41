// SPDX-License-Identifier: Apache-2.0
#include "datasets/procedural/outlines.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pointattn::datasets {
namespace {
constexpr double kPi = std::numbers::pi;
constexpr int kRound = 32;  ///< points of a round outline
}  // namespace

Outline rectangle(double width, double height) {
  const double a = width / 2;
  const double b = height / 2;
  return {{-a, -b}, {a, -b}, {a, b}, {-a, b}};
}

Outline rounded_rectangle(double width, double height, double radius) {
  constexpr int kCorner = 6;
  const double r = std::min({radius, width / 2, height / 2});
  Outline outline;
  for (int corner = 0; corner < 4; ++corner) {
    const double cx = (corner == 0 || corner == 3 ? 1 : -1) * (width / 2 - r);
    const double cy = (corner < 2 ? 1 : -1) * (height / 2 - r);
    for (int i = 0; i <= kCorner; ++i) {
      const double angle = kPi / 2 * (corner + static_cast<double>(i) / kCorner);
      outline.push_back({cx + r * std::cos(angle), cy + r * std::sin(angle)});
    }
  }
  return outline;
}

Outline ellipse(double width, double height, double power) {
  Outline outline;
  for (int i = 0; i < kRound; ++i) {
    const double angle = 2 * kPi * i / kRound;
    const double c = std::cos(angle);
    const double s = std::sin(angle);
    outline.push_back({width / 2 * std::copysign(std::pow(std::abs(c), 2 / power), c),
                       height / 2 * std::copysign(std::pow(std::abs(s), 2 / power), s)});
  }
  return outline;
}

Outline regular_polygon(int corners, double radius) {
  Outline outline;
  for (int i = 0; i < corners; ++i) {
    const double angle = 2 * kPi * (i + 0.5) / corners;
    outline.push_back({radius * std::cos(angle), radius * std::sin(angle)});
  }
  return outline;
}

Outline moved(Outline outline, double dx, double dy) {
  for (Vec2& p : outline) p = {p.x + dx, p.y + dy};
  return outline;
}

Outline cylinder_section(double r0, double r1, double height) {
  return {{0, 0}, {r0, 0}, {r1, height}, {0, height}};
}

Outline dome_section(double radius, double height, double from, double to) {
  constexpr int kSteps = 14;
  Outline outline;
  for (int i = 0; i <= kSteps; ++i) {
    const double angle = from + (to - from) * i / kSteps;
    outline.push_back({std::max(0.0, radius * std::cos(angle)), height * std::sin(angle)});
  }
  outline.push_back({0, outline.back().y});
  outline.insert(outline.begin(), {0, outline.front().y});
  return outline;
}

Outline wall_section(const Outline& outer, double thickness, double floor) {
  Outline outline = outer;
  for (auto p = outer.rbegin(); p != outer.rend(); ++p) {
    const double bottom = outer.front().y + floor;
    if (floor > 0 && p->y < bottom) continue;
    outline.push_back({std::max(0.0, p->x - thickness), p->y});
  }
  if (floor > 0) {
    outline.push_back({std::max(0.0, outline.back().x), outer.front().y + floor});
    outline.push_back({0, outer.front().y + floor});
    outline.insert(outline.begin(), {0, outer.front().y});
  }
  return outline;
}

Outline between_heights(const Outline& wall, double low, double high) {
  Outline piece;
  const auto at = [&](double y) {
    for (size_t i = 1; i < wall.size(); ++i) {
      if (wall[i].y < y && i + 1 < wall.size()) continue;
      const double t = std::clamp((y - wall[i - 1].y) / (wall[i].y - wall[i - 1].y), 0.0, 1.0);
      return Vec2{wall[i - 1].x + (wall[i].x - wall[i - 1].x) * t, y};
    }
    return wall.front();
  };
  piece.push_back(at(low));
  for (const Vec2& p : wall) {
    if (p.y > low + 1e-4 && p.y < high - 1e-4) piece.push_back(p);
  }
  piece.push_back(at(high));
  return piece;
}

Outline smooth(const Outline& knots, int steps) {
  Outline curve;
  const int last = static_cast<int>(knots.size()) - 1;
  const auto knot = [&](int i) { return knots[static_cast<size_t>(std::clamp(i, 0, last))]; };
  for (int i = 0; i < last; ++i) {
    for (int s = 0; s < steps; ++s) {
      const double t = static_cast<double>(s) / steps;
      const auto blend = [t](double a, double b, double c, double d) {
        return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t +
                      (3 * b - a - 3 * c + d) * t * t * t);
      };
      const Vec2 a = knot(i - 1);
      const Vec2 b = knot(i);
      const Vec2 c = knot(i + 1);
      const Vec2 d = knot(i + 2);
      curve.push_back({blend(a.x, b.x, c.x, d.x), blend(a.y, b.y, c.y, d.y)});
    }
  }
  curve.push_back(knots.back());
  return curve;
}

bool contains(const Outline& outline, const Vec2& point) {
  bool inside = false;
  for (size_t i = 0, j = outline.size() - 1; i < outline.size(); j = i++) {
    const Vec2& a = outline[i];
    const Vec2& b = outline[j];
    if ((a.y > point.y) == (b.y > point.y)) continue;
    if (point.x < a.x + (b.x - a.x) * (point.y - a.y) / (b.y - a.y)) inside = !inside;
  }
  return inside;
}

double signed_area(const Outline& outline) {
  double sum = 0;
  for (size_t i = 0, j = outline.size() - 1; i < outline.size(); j = i++) {
    sum += outline[j].x * outline[i].y - outline[i].x * outline[j].y;
  }
  return sum / 2;
}

Vec2 centroid(const Outline& outline) {
  Vec2 sum;
  double area = 0;
  for (size_t i = 0, j = outline.size() - 1; i < outline.size(); j = i++) {
    const double part = outline[j].x * outline[i].y - outline[i].x * outline[j].y;
    sum.x += (outline[i].x + outline[j].x) * part;
    sum.y += (outline[i].y + outline[j].y) * part;
    area += part * 3;
  }
  return {sum.x / area, sum.y / area};
}

}  // namespace pointattn::datasets
