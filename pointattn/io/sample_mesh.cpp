// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/cloud.h"
#include "pointattn/io/scalars.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace pointattn::io {
namespace {

using Vector = std::array<double, 3>;

/// SplitMix64 as a function of the draw's number: the draws do not depend on threads, and unlike
/// the standard library's distributions they are the same everywhere.
class Draws {
 public:
  explicit Draws(uint64_t seed) : start_(mixed(seed)) {}
  /// Uniform in [0, 1).
  double operator()(int64_t number) const {
    const uint64_t bits = mixed(start_ + (static_cast<uint64_t>(number) + 1) * 0x9E3779B97F4A7C15u);
    return static_cast<double>(bits >> 11) * 0x1p-53;
  }

 private:
  static uint64_t mixed(uint64_t state) {
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9u;
    state = (state ^ (state >> 27)) * 0x94D049BB133111EBu;
    return state ^ (state >> 31);
  }
  uint64_t start_;
};

struct Surface {
  at::Tensor xyz;
  at::Tensor triangles;
  std::vector<double> area_up_to;  ///< twice the area of the triangles up to this one
  int64_t last = 0;                ///< the last triangle that has an area

  Vector corner(int64_t triangle, int64_t number) const {
    const double* at = xyz.const_data_ptr<double>() +
                       3 * triangles.const_data_ptr<int64_t>()[3 * triangle + number];
    return {at[0], at[1], at[2]};
  }
  /// Normal as long as twice the area.
  Vector normal(int64_t triangle) const {
    const Vector a = corner(triangle, 0), b = corner(triangle, 1), c = corner(triangle, 2);
    const Vector u = {b[0] - a[0], b[1] - a[1], b[2] - a[2]};
    const Vector v = {c[0] - a[0], c[1] - a[1], c[2] - a[2]};
    return {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
  }
};

double length(const Vector& v) { return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

Surface surface_of(const Cloud& mesh) {
  const at::Tensor& triangles = mesh.triangles;
  TORCH_CHECK_VALUE(triangles.defined() && triangles.dim() == 2 && triangles.size(1) == 3,
                    "sample_mesh: expected a mesh with triangles [T,3], got ",
                    triangles.defined() ? "another shape" : "a cloud without triangles");
  Surface surface{mesh.xyz().contiguous(), triangles.to(at::kLong).contiguous(), {}, -1};
  const int64_t* corners = surface.triangles.const_data_ptr<int64_t>();
  const int64_t points = mesh.points();
  TORCH_CHECK_VALUE(std::all_of(corners,
                                corners + surface.triangles.numel(),
                                [&](int64_t corner) { return corner >= 0 && corner < points; }),
                    "sample_mesh: expected triangles of rows 0 to ",
                    points - 1);
  double total = 0;
  for (int64_t i = 0; i < triangles.size(0); ++i) {
    const double area = length(surface.normal(i));
    // A triangle with a corner at NaN or infinity has no place to draw points from.
    if (std::isfinite(area) && area > 0) {
      total += area;
      surface.last = i;
    }
    surface.area_up_to.push_back(total);
  }
  TORCH_CHECK_VALUE(surface.last >= 0 && std::isfinite(total),
                    "sample_mesh: expected a mesh with an area, got ",
                    triangles.size(0),
                    " triangles of area ",
                    total / 2);
  return surface;
}

/// Osada et al. 2002: (1-√r1) A + √r1 (1-r2) B + √r1 r2 C is uniform on the triangle.
Vector point_on(const Surface& surface, int64_t triangle, double r1, double r2) {
  const Vector a = surface.corner(triangle, 0), b = surface.corner(triangle, 1),
               c = surface.corner(triangle, 2);
  const double root = std::sqrt(r1);
  Vector point;
  for (size_t axis = 0; axis < 3; ++axis) {
    point[axis] = (1 - root) * a[axis] + root * (1 - r2) * b[axis] + root * r2 * c[axis];
  }
  return point;
}

int64_t triangle_at(const Surface& surface, double share) {
  const auto& areas = surface.area_up_to;
  const auto found = std::upper_bound(areas.begin(), areas.end(), share * areas.back());
  return std::min(static_cast<int64_t>(found - areas.begin()), surface.last);
}

}  // namespace

Cloud sample_mesh(const Cloud& mesh, int64_t points, uint64_t seed) {
  TORCH_CHECK_VALUE(
      points >= 0, "sample_mesh: expected a number of points from 0 on, got ", points);
  const Surface surface = surface_of(mesh);
  const Draws draw(seed);
  Cloud cloud;
  std::array<float*, 6> columns{};
  for (size_t i = 0; i < columns.size(); ++i) {
    constexpr const char* kNames[] = {"x", "y", "z", "nx", "ny", "nz"};
    cloud.fields.push_back(make_field(kNames[i], at::kFloat, 1, points));
    columns[i] = cloud.fields.back().values.mutable_data_ptr<float>();
  }
  constexpr int64_t kGrain = 8192;
  at::parallel_for(0, points, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t triangle = triangle_at(surface, draw(3 * i));
      const Vector point = point_on(surface, triangle, draw(3 * i + 1), draw(3 * i + 2));
      const Vector normal = surface.normal(triangle);
      const double scale = 1 / length(normal);
      for (size_t axis = 0; axis < 3; ++axis) {
        columns[axis][i] = static_cast<float>(point[axis]);
        columns[axis + 3][i] = static_cast<float>(normal[axis] * scale);
      }
    }
  });
  return cloud;
}

}  // namespace pointattn::io
