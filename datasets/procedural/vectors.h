// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

namespace pointattn::datasets {

struct Vec2 {
  double x = 0;
  double y = 0;
};

struct Vec3 {
  double x = 0;
  double y = 0;
  double z = 0;
};

inline Vec3 operator+(const Vec3& a, const Vec3& b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(const Vec3& a, const Vec3& b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator*(const Vec3& a, double s) { return {a.x * s, a.y * s, a.z * s}; }
inline double dot(const Vec3& a, const Vec3& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline double length(const Vec3& a) { return std::sqrt(dot(a, a)); }
/// Unit vector along `a`; the zero vector stays zero.
inline Vec3 unit(const Vec3& a) {
  const double size = length(a);
  return size > 0 ? a * (1.0 / size) : a;
}
/// Some unit vector at a right angle to `axis`.
inline Vec3 side_of(const Vec3& axis) {
  return unit(cross(axis, std::abs(axis.y) < 0.9 * length(axis) ? Vec3{0, 1, 0} : Vec3{1, 0, 0}));
}

/// A right-handed orthonormal frame: where a solid's own axes lie in the shape.
struct Frame {
  Vec3 origin;
  Vec3 x{1, 0, 0};
  Vec3 y{0, 1, 0};
  Vec3 z{0, 0, 1};

  Frame() = default;
  explicit Frame(const Vec3& at) : origin(at) {}
  Frame(const Vec3& at, const Vec3& right, const Vec3& up, const Vec3& out)
      : origin(at), x(right), y(up), z(out) {}

  Vec3 direction(const Vec3& v) const { return x * v.x + y * v.y + z * v.z; }
  Vec3 point(const Vec3& p) const { return origin + direction(p); }
  Vec3 local(const Vec3& p) const {
    const Vec3 d = p - origin;
    return {dot(d, x), dot(d, y), dot(d, z)};
  }
  /// Turned by `angle` about its own x (y, z) axis, counter-clockwise seen from the axis' tip.
  Frame about_x(double angle) const {
    const double c = std::cos(angle);
    const double s = std::sin(angle);
    return {origin, x, y * c + z * s, z * c - y * s};
  }
  Frame about_y(double angle) const {
    const double c = std::cos(angle);
    const double s = std::sin(angle);
    return {origin, x * c - z * s, y, z * c + x * s};
  }
  Frame about_z(double angle) const {
    const double c = std::cos(angle);
    const double s = std::sin(angle);
    return {origin, x * c + y * s, y * c - x * s, z};
  }
  /// The same directions with the origin at a point given in this frame.
  Frame at(const Vec3& p) const { return {point(p), x, y, z}; }
};

/// Frame whose y axis runs along `axis`, for solids of revolution between two points.
inline Frame along(const Vec3& origin, const Vec3& axis) {
  const Vec3 y = unit(axis);
  const Vec3 x = side_of(y);
  return {origin, x, y, cross(x, y)};
}

/// Frame for outlines that lie flat: extrusion (z) goes up, the outline's y to the back (-z of the
/// shape).
inline Frame flat(const Vec3& origin) { return {origin, {1, 0, 0}, {0, 0, -1}, {0, 1, 0}}; }

/// Frame for outlines seen from the side: the outline's x runs to the front (z of the shape),
/// extrusion to the left (-x).
inline Frame profile(const Vec3& origin) { return {origin, {0, 0, 1}, {0, 1, 0}, {-1, 0, 0}}; }

}  // namespace pointattn::datasets
