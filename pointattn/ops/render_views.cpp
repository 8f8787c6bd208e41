// SPDX-License-Identifier: Apache-2.0
// Many small pictures: a thread draws a whole one, with a depth test and no more. (pointattn/view, which
// is above this library, draws few large ones by bands of rows, with perspective and indices.)
#include "pointattn/ops/render_views.h"

#include "pointattn/ops/knn_inputs.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace pointattn::ops {
namespace {

constexpr double kPointsRadius = 2;      // of one point, if it were alone; ∝ 1/√n
constexpr double kLargestRadius = 0.25;  // of few points
constexpr double kOwnPixel = 0.7072;     // a disc this wide reaches the middle of its point's pixel

void check_ring(const ViewRing& ring) {
  TORCH_CHECK_VALUE(ring.views >= 1 && ring.views <= 256,
                    "render_views: expected 1 to 256 views, got ",
                    ring.views);
  TORCH_CHECK_VALUE(ring.size >= 1 && ring.size <= 4096,
                    "render_views: expected a size of 1 to 4096, got ",
                    ring.size);
  TORCH_CHECK_VALUE(std::abs(ring.elevation) <= 90,
                    "render_views: expected an elevation of -90 to 90, got ",
                    ring.elevation);
  TORCH_CHECK_VALUE(ring.radius >= 0 && std::isfinite(ring.radius),
                    "render_views: expected a finite radius of at least 0, got ",
                    ring.radius);
}

/// Axes of a picture: to the right, up, and towards the camera.
struct Camera {
  std::array<double, 3> right, up, back;
};

Camera camera_of(const ViewRing& ring, int64_t view) {
  const double azimuth =
      2 * std::numbers::pi * static_cast<double>(view) / static_cast<double>(ring.views);
  const double elevation = ring.elevation * std::numbers::pi / 180;
  const double s = std::sin(azimuth), c = std::cos(azimuth);
  const double rise = std::sin(elevation), run = std::cos(elevation);
  return {{c, 0, -s}, {-rise * s, run, -rise * c}, {run * s, rise, run * c}};
}

/// Radius of the points of a cloud in pixels.
double radius_of(const ViewRing& ring, int64_t points) {
  const double radius =
      ring.radius > 0
          ? ring.radius
          : std::min(kLargestRadius, kPointsRadius / std::sqrt(static_cast<double>(points)));
  return std::max(kOwnPixel, radius * static_cast<double>(ring.size) / 2);
}

/// Pixels along one axis whose middles lie within `radius` of `at`, cut to the picture; clamped
/// before the conversion, since a far point has coordinates that no integer holds.
struct Span {
  int64_t first, last;
};
Span span_of(double at, double radius, int64_t size) {
  const auto edge = static_cast<double>(size);
  return {static_cast<int64_t>(std::ceil(std::clamp(at - radius - 0.5, 0.0, edge))),
          static_cast<int64_t>(std::floor(std::clamp(at + radius - 0.5, -1.0, edge - 1)))};
}

template <typename T>
void draw_view(
    const T* xyz, int64_t points, const Camera& camera, double radius, int64_t size, float* depth) {
  const double half = static_cast<double>(size) / 2;
  const auto along = [](const std::array<double, 3>& axis, const T* p) {
    return axis[0] * static_cast<double>(p[0]) + axis[1] * static_cast<double>(p[1]) +
           axis[2] * static_cast<double>(p[2]);
  };
  for (const T* p = xyz; p != xyz + 3 * points; p += 3) {
    const auto z = static_cast<float>(kViewDistance - along(camera.back, p));
    if (!(z > 0)) continue;
    const double u = half * (1 + along(camera.right, p));
    const double v = half * (1 - along(camera.up, p));
    const Span columns = span_of(u, radius, size);
    const Span rows = span_of(v, radius, size);
    for (int64_t y = rows.first; y <= rows.last; ++y) {
      const double dy = static_cast<double>(y) + 0.5 - v;
      for (int64_t x = columns.first; x <= columns.last; ++x) {
        const double dx = static_cast<double>(x) + 0.5 - u;
        float& pixel = depth[y * size + x];
        if (dx * dx + dy * dy <= radius * radius && (pixel == 0 || z < pixel)) pixel = z;
      }
    }
  }
}

}  // namespace

at::Tensor render_views(const at::Tensor& xyz, const at::Tensor& offsets, const ViewRing& ring) {
  check_ring(ring);
  const CloudRows clouds = check_points("render_views", xyz.detach().to(at::kCPU), offsets);
  const at::Tensor depth =
      at::zeros({clouds.clouds(), ring.views, ring.size, ring.size}, at::kFloat);
  float* pixels = depth.mutable_data_ptr<float>();
  AT_DISPATCH_FLOATING_TYPES(clouds.xyz.scalar_type(), "render_views", [&] {
    const scalar_t* points = clouds.xyz.const_data_ptr<scalar_t>();
    at::parallel_for(0, clouds.clouds() * ring.views, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const auto cloud = static_cast<size_t>(i / ring.views);
        const int64_t first = clouds.offsets[cloud];
        const int64_t count = clouds.offsets[cloud + 1] - first;
        draw_view(points + 3 * first,
                  count,
                  camera_of(ring, i % ring.views),
                  radius_of(ring, count),
                  ring.size,
                  pixels + i * ring.size * ring.size);
      }
    });
  });
  return depth.to(xyz.device());
}

}  // namespace pointattn::ops
