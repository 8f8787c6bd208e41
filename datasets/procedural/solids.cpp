// SPDX-License-Identifier: Apache-2.0
#include "datasets/procedural/solids.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace pointattn::datasets {
namespace {
constexpr double kPi = std::numbers::pi;
constexpr int kAround = 32;  ///< facets around a solid of revolution

void add_triangle(Solid& solid,
                  const std::array<Vec3, 3>& corner,
                  const std::array<Vec3, 3>& normal) {
  solid.surface.push_back({corner, normal});
}

/// Four corners in turn around the face.
void add_quad(Solid& solid, const std::array<Vec3, 4>& p, const std::array<Vec3, 4>& n) {
  add_triangle(solid, {p[0], p[1], p[2]}, {n[0], n[1], n[2]});
  add_triangle(solid, {p[0], p[2], p[3]}, {n[0], n[2], n[3]});
}

Outline counter_clockwise(Outline outline) {
  if (signed_area(outline) < 0) std::reverse(outline.begin(), outline.end());
  return outline;
}

Solid make_prism(const Frame& frame, const Outline& outline, double depth, const Taper& taper) {
  Solid solid;
  const auto place = [&](const Vec2& p, double t) {  // t: 0 near end, 1 far end
    const double scale = 1 + (taper.scale - 1) * t;
    return frame.point(
        {p.x * scale + taper.shift.x * t, p.y * scale + taper.shift.y * t, depth * (t - 0.5)});
  };
  const Vec2 middle = centroid(outline);
  for (size_t i = 0; i < outline.size(); ++i) {
    const Vec2& a = outline[i];
    const Vec2& b = outline[(i + 1) % outline.size()];
    const std::array<Vec3, 4> side{place(a, 0), place(b, 0), place(b, 1), place(a, 1)};
    // The larger diagonal product stays defined when the far end shrinks to a point.
    const Vec3 normal = unit(cross(side[2] - side[0], side[3] - side[1]));
    add_quad(solid, side, {normal, normal, normal, normal});
    const Vec3 near = frame.z * -1.0;
    add_triangle(solid, {place(middle, 0), place(b, 0), place(a, 0)}, {near, near, near});
    add_triangle(solid, {place(middle, 1), place(a, 1), place(b, 1)}, {frame.z, frame.z, frame.z});
  }
  solid.inside = [frame, outline, depth, taper](const Vec3& point) {
    const Vec3 p = frame.local(point);
    const double t = p.z / depth + 0.5;
    if (t <= 0 || t >= 1) return false;
    const double scale = 1 + (taper.scale - 1) * t;
    return contains(outline,
                    {(p.x - taper.shift.x * t) / scale, (p.y - taper.shift.y * t) / scale});
  };
  return solid;
}

Solid make_lathe(const Frame& frame, const Outline& section, const Vec2& scale) {
  Solid solid;
  for (size_t i = 0; i < section.size(); ++i) {
    const Vec2& a = section[i];
    const Vec2& b = section[(i + 1) % section.size()];
    if (a.x + b.x <= 0) continue;
    for (int k = 0; k < kAround; ++k) {
      const auto at = [&](const Vec2& p, int step) {
        const double angle = 2 * kPi * step / kAround;
        return frame.point({p.x * std::cos(angle) * scale.x, p.y, p.x * std::sin(angle) * scale.y});
      };
      const auto normal = [&](int step) {
        const double angle = 2 * kPi * step / kAround;
        const double radial =
            b.y - a.y;  // counter-clockwise section: outward is to the right of its direction
        return unit(frame.direction(
            {radial * std::cos(angle) / scale.x, a.x - b.x, radial * std::sin(angle) / scale.y}));
      };
      add_quad(solid,
               {at(a, k), at(b, k), at(b, k + 1), at(a, k + 1)},
               {normal(k), normal(k), normal(k + 1), normal(k + 1)});
    }
  }
  solid.inside = [frame, section, scale](const Vec3& point) {
    const Vec3 p = frame.local(point);
    return contains(section, {std::hypot(p.x / scale.x, p.z / scale.y), p.y});
  };
  return solid;
}

/// Whether a point lies in the cone piece between two spheres' centres, or in the sphere at its
/// start (the joint of a bend).
bool in_tube(const std::vector<Vec3>& path, double r0, double r1, const Vec3& point) {
  const double spans = static_cast<double>(path.size() - 1);
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    const Vec3 axis = path[i + 1] - path[i];
    const double t = dot(point - path[i], axis) / dot(axis, axis);
    const bool first = i == 0;
    const bool last = i + 2 == path.size();
    if ((first && t <= 0) || (last && t >= 1)) continue;
    const double clamped = std::clamp(t, 0.0, 1.0);
    const double radius = r0 + (r1 - r0) * (static_cast<double>(i) + clamped) / spans;
    const Vec3 gap = point - (path[i] + axis * clamped);
    if (dot(gap, gap) < radius * radius) return true;
  }
  return false;
}

Solid make_tube(const std::vector<Vec3>& path, double r0, double r1) {
  constexpr int kSides = 14;
  Solid solid;
  const size_t last = path.size() - 1;
  Vec3 u = side_of(path[1] - path[0]);
  std::array<Vec3, kSides> ring{};
  std::array<Vec3, kSides> out{};
  for (size_t i = 0; i <= last; ++i) {
    const Vec3 tangent = unit(path[std::min(i + 1, last)] - path[i > 0 ? i - 1 : 0]);
    u = unit(u - tangent * dot(u, tangent));  // carried along the path without twist
    const Vec3 v = cross(tangent, u);
    const double radius = r0 + (r1 - r0) * static_cast<double>(i) / static_cast<double>(last);
    const std::array<Vec3, kSides> before = ring;
    const std::array<Vec3, kSides> before_out = out;
    for (size_t k = 0; k < kSides; ++k) {
      const double angle = 2 * kPi * static_cast<double>(k) / kSides;
      out[k] = u * std::cos(angle) + v * std::sin(angle);
      ring[k] = path[i] + out[k] * radius;
    }
    const Vec3 cap = tangent * (i == 0 ? -1.0 : 1.0);
    for (size_t k = 0; k < kSides; ++k) {
      const size_t n = (k + 1) % kSides;
      if (i > 0)
        add_quad(solid,
                 {before[k], ring[k], ring[n], before[n]},
                 {before_out[k], out[k], out[n], before_out[n]});
      if (i == 0 || i == last) add_triangle(solid, {path[i], ring[k], ring[n]}, {cap, cap, cap});
    }
  }
  solid.inside = [path, r0, r1](const Vec3& point) { return in_tube(path, r0, r1, point); };
  return solid;
}

}  // namespace

void ShapeBuilder::add(Solid solid) {
  solid.part = part_;
  solid.low = solid.high = solid.surface.front().corner[0];
  for (const Triangle& t : solid.surface) {
    for (const Vec3& p : t.corner) {
      solid.low = {
          std::min(solid.low.x, p.x), std::min(solid.low.y, p.y), std::min(solid.low.z, p.z)};
      solid.high = {
          std::max(solid.high.x, p.x), std::max(solid.high.y, p.y), std::max(solid.high.z, p.z)};
    }
  }
  solids_.push_back(std::move(solid));
}

void ShapeBuilder::box(const Vec3& centre, const Vec3& size) { box(Frame{centre}, size); }

void ShapeBuilder::box(const Frame& frame, const Vec3& size) {
  prism(frame, rectangle(size.x, size.y), size.z);
}

void ShapeBuilder::prism(const Frame& frame,
                         const Outline& outline,
                         double depth,
                         const Taper& taper) {
  add(make_prism(frame, counter_clockwise(outline), depth, taper));
}

void ShapeBuilder::plate(const Vec3& bottom,
                         const Outline& outline,
                         double thickness,
                         const Taper& taper) {
  prism(flat(bottom + Vec3{0, thickness / 2, 0}), outline, thickness, taper);
}

void ShapeBuilder::lathe(const Frame& frame, const Outline& section, const Vec2& scale) {
  add(make_lathe(frame, counter_clockwise(section), scale));
}

void ShapeBuilder::rod(const Vec3& from, const Vec3& to, double radius_from, double radius_to) {
  lathe(along(from, to - from), cylinder_section(radius_from, radius_to, length(to - from)));
}

void ShapeBuilder::ellipsoid(const Frame& frame, const Vec3& radii) {
  lathe(frame, dome_section(1.0, radii.y, -kPi / 2, kPi / 2), {radii.x, radii.z});
}

void ShapeBuilder::tube(const std::vector<Vec3>& path, double radius_from, double radius_to) {
  add(make_tube(path, radius_from, radius_to));
}

std::vector<Vec3> arc(
    const Vec3& centre, const Vec3& u, const Vec3& v, double radius, double from, double to) {
  constexpr int kSteps = 16;
  std::vector<Vec3> path;
  for (int i = 0; i <= kSteps; ++i) {
    const double angle = from + (to - from) * i / kSteps;
    path.push_back(centre + u * (radius * std::cos(angle)) + v * (radius * std::sin(angle)));
  }
  return path;
}

std::vector<Vec3> path_in_plane(const Outline& points,
                                const Vec3& origin,
                                const Vec3& u,
                                const Vec3& v) {
  std::vector<Vec3> path;
  for (const Vec2& p : smooth(points)) path.push_back(origin + u * p.x + v * p.y);
  return path;
}

}  // namespace pointattn::datasets
