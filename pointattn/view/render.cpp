// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/render.h"

#include "pointattn/view/rasterizer.h"
#include "pointattn/view/row_bands.h"
#include "pointattn/view/shading.h"
#include "pointattn/view/vectors.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pointattn::view {
namespace {

// Radius of a point in units of the spacing: balls that touch where there is room for balls, a
// closed surface where there is not.
constexpr double kTouching = 0.62;
constexpr double kClosed = 1.6;
constexpr double kRoom = 10;  // pixels from point to point
constexpr double kTight = 3;
constexpr double kThinnest = 0.9;  // radius in pixels below which a surface would have holes
constexpr double kLone = 6;        // radius in pixels of a point that has no neighbours
constexpr double kNear = 1e-4;     // of the distance to the target
constexpr int64_t kSamples = 12'000'000;
constexpr int64_t kManyPoints = 500'000;

/// How many samples a pixel has in each direction: fewer for large pictures and many points.
int64_t fineness(int64_t height, int64_t width, int64_t points) {
  const int64_t pixels = height * width;
  if (points < kManyPoints && 9 * pixels <= kSamples) return 3;
  return pixels <= kSamples ? 2 : 1;
}

double focal_length(const Camera& camera, int64_t height) {
  return static_cast<double>(height) / 2 / std::tan(camera.fov / 2 * std::numbers::pi / 180);
}

/// Radius of a point, for points `apart` pixels from each other, in units of their spacing.
double relative_radius(double apart) {
  const double room = std::clamp((apart - kTight) / (kRoom - kTight), 0.0, 1.0);
  return kClosed + (kTouching - kClosed) * room;
}

/// What a point is drawn as in a picture of fine × fine samples a pixel.
Splat splat_of(
    const Panel& panel, const Camera& camera, int64_t height, int64_t fine, double point_size) {
  Splat splat{static_cast<float>(kThinnest * static_cast<double>(fine)), 0, true};
  if (point_size > 0) {
    splat.pixels = static_cast<float>(point_size / 2 * static_cast<double>(fine));
    return splat;
  }
  splat.world = static_cast<float>(point_radius(panel, camera, height));
  if (splat.world == 0) splat.pixels = static_cast<float>(kLone * static_cast<double>(fine));
  return splat;
}

/// The means of fine × fine samples of a raster; color(index, y, x) is that of what a sample shows,
/// before the light on edges.
template <typename ColorOf>
at::Tensor smoothed(const Raster& raster,
                    const EdgeLight& edges,
                    int64_t fine,
                    const ColorOf& color) {
  const int64_t height = edges.height / fine;
  const int64_t width = edges.width / fine;
  const int32_t* nearest = raster.index.const_data_ptr<int32_t>();
  at::Tensor image = at::zeros({height, width, 4}, at::kByte);
  uint8_t* out = image.mutable_data_ptr<uint8_t>();
  parallel_each(height, [&](int64_t row) {
    for (int64_t column = 0; column < width; ++column) {
      std::array<float, 3> sum{};
      int covered = 0;
      for (int64_t k = 0; k < fine * fine; ++k) {
        const int64_t y = row * fine + k / fine;
        const int64_t x = column * fine + k % fine;
        const int64_t index = nearest[y * edges.width + x];
        if (index < 0) continue;
        ++covered;
        const std::array<float, 3> rgb = color(index, y, x);
        const float light = edges(y, x);
        for (size_t c = 0; c < 3; ++c) sum[c] += light * rgb[c];
      }
      if (covered == 0) continue;
      uint8_t* pixel = out + 4 * (row * width + column);
      for (size_t c = 0; c < 3; ++c)
        pixel[c] = static_cast<uint8_t>(sum[c] / static_cast<float>(covered) + 0.5F);
      pixel[3] = static_cast<uint8_t>(255 * covered / (fine * fine));
    }
  });
  return image;
}

}  // namespace

at::Tensor projection(const Camera& camera, int64_t height, int64_t width) {
  const Camera::Frame frame = camera.frame();
  const double focal = focal_length(camera, height);
  const Vec eye = camera.eye;
  const Vec forward = -1.0 * Vec(frame.back);
  const Vec rows[4] = {
      focal * Vec(frame.right) + (static_cast<double>(width) / 2) * forward,
      -focal * Vec(frame.up) + (static_cast<double>(height) / 2) * forward,
      forward,
      forward,
  };
  at::Tensor matrix = at::empty({1, 4, 4}, at::kFloat);
  float* out = matrix.mutable_data_ptr<float>();
  for (const Vec& row : rows) {
    for (const double value : row) *out++ = static_cast<float>(value);
    *out++ = static_cast<float>(-dot(row, eye));
  }
  return matrix;
}

double point_radius(const Panel& panel, const Camera& camera, int64_t height) {
  const double distance = length(Vec(camera.eye) - Vec(camera.target));
  const double apart = panel.spacing * focal_length(camera, height) / distance;
  return relative_radius(apart) * panel.spacing;
}

at::Tensor render(const Panel& panel,
                  const Coloring& coloring,
                  const Camera& camera,
                  int64_t height,
                  int64_t width,
                  double point_size) {
  const int64_t fine = fineness(height, width, panel.points());
  const int64_t tall = height * fine;
  const int64_t wide = width * fine;
  const at::Tensor project = projection(camera, tall, wide);
  const int64_t ring = std::max<int64_t>(fine * std::min(height, width) / 90, fine);
  const double extent = bounds(panel).diagonal();
  const auto size = static_cast<float>(extent > 0 ? extent : 1);
  if (panel.triangles.defined() && panel.triangles.size(0) > 0) {
    const double near = kNear * length(Vec(camera.eye) - Vec(camera.target));
    const Raster raster = rasterize_triangles(
        panel.xyz, panel.triangles, project, tall, wide, static_cast<float>(near));
    const Faces faces(panel, coloring, project, camera);
    const EdgeLight edges{raster.depth.const_data_ptr<float>(), tall, wide, size, 0, fine, ring};
    return smoothed(raster, edges, fine, faces);
  }
  const Splat splat = splat_of(panel, camera, height, fine, point_size);
  const Raster raster = rasterize_points(panel.xyz, project, tall, wide, splat);
  const Balls balls(panel, coloring, project, focal_length(camera, tall), splat, fine);
  const float rough = 0.3F * splat.world;
  const EdgeLight edges{raster.depth.const_data_ptr<float>(), tall, wide, size, rough, fine, ring};
  return smoothed(raster, edges, fine, balls);
}

}  // namespace pointattn::view
