// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>

/// Three numbers as a vector.
namespace pointattn::view {

using Vec = std::array<double, 3>;

inline Vec operator+(const Vec& a, const Vec& b) { return {a[0] + b[0], a[1] + b[1], a[2] + b[2]}; }
inline Vec operator-(const Vec& a, const Vec& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
inline Vec operator*(double s, const Vec& a) { return {s * a[0], s * a[1], s * a[2]}; }
inline double dot(const Vec& a, const Vec& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
inline double length(const Vec& a) { return std::hypot(a[0], a[1], a[2]); }
inline Vec cross(const Vec& a, const Vec& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
/// `a` at length 1, or `otherwise` when it has none.
inline Vec unit(const Vec& a, const Vec& otherwise) {
  const double size = length(a);
  return size > 0 ? (1 / size) * a : otherwise;
}

}  // namespace pointattn::view
