// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/render.h"

#include "pointattn/view/rasterizer.h"
#include "pointattn/view/row_bands.h"
#include "pointattn/view/vectors.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pointattn::view {
namespace {

/// Where the light comes from, in the picture: left, above and behind the eye.
constexpr float kLight[3] = {-0.40F, -0.50F, 0.77F};
// Radius of a point in units of the spacing: balls that touch where there is room for balls, a
// closed surface where there is not.
constexpr double kTouching = 0.62;
constexpr double kClosed = 1.6;
constexpr double kRoom = 10;  // pixels from point to point
constexpr double kTight = 3;
constexpr double kThinnest = 0.9;  // radius in pixels below which a surface would have holes
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

/// Light on what a sample shows, 0 … 1.
struct Shader {
  const float* depth;
  int64_t height;
  int64_t width;
  float size;    ///< of the scene, the unit of depth differences
  float rough;   ///< differences up to this are the balls' own
  int64_t near;  ///< samples to the neighbours of the inner and the outer ring
  int64_t far;

  /// The share of a ring's neighbours that lie before this sample, by how much of `range`.
  float behind(int64_t y, int64_t x, int64_t ring, float range) const {
    constexpr int kSteps[8][2] = {
        {1, 0}, {-1, 0}, {0, 1}, {0, -1}, {1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
    const float here = depth[y * width + x];
    float sum = 0;
    for (const auto& step : kSteps) {
      const int64_t ny = y + step[0] * ring;
      const int64_t nx = x + step[1] * ring;
      if (ny < 0 || ny >= height || nx < 0 || nx >= width) continue;
      const float difference = here - depth[ny * width + nx] - rough;
      if (difference > 0) sum += std::min(1.0F, difference / range);
    }
    return sum / 8;
  }
  float operator()(int64_t y, int64_t x) const {
    return 1 - 0.30F * behind(y, x, near, 0.012F * size) - 0.24F * behind(y, x, far, 0.08F * size);
  }
};

/// Light on a direction in the picture (x to the right, y down, z to the eye), 1 where it is full.
float lit(float x, float y, float z, float contrast) {
  const float light = x * kLight[0] + y * kLight[1] + z * kLight[2];
  return std::min(1.0F, 1 - contrast * (1 - std::max(0.0F, light) / 0.97F));
}

/// Light on the ball that a point is, at a sample.
class Balls {
 public:
  Balls(const at::Tensor& xyz, const at::Tensor& project, double focal, Splat splat, int64_t fine)
      : xyz_(xyz.const_data_ptr<float>()),
        row_(project.const_data_ptr<float>()),
        focal_(static_cast<float>(focal)),
        splat_(splat),
        fine_(static_cast<float>(fine)) {}

  float operator()(int64_t index, int64_t y, int64_t x) const {
    const float* p = xyz_ + 3 * index;
    const auto row = [&](int r) {
      const float* m = row_ + 4 * r;
      return m[0] * p[0] + m[1] * p[1] + m[2] * p[2] + m[3];
    };
    const float w = row(3);
    const float radius = std::max(splat_.pixels, splat_.world * focal_ / w);
    // A ball of a pixel or two is too small to have a light and a dark side.
    const float contrast = 0.36F * std::clamp((radius / fine_ - 1.2F) / 3, 0.0F, 1.0F);
    if (contrast == 0) return 1;
    const float dx = (static_cast<float>(x) + 0.5F - row(0) / w) / radius;
    const float dy = (static_cast<float>(y) + 0.5F - row(1) / w) / radius;
    return lit(dx, dy, std::sqrt(std::max(0.0F, 1 - dx * dx - dy * dy)), contrast);
  }

 private:
  const float* xyz_;
  const float* row_;
  float focal_;
  Splat splat_;
  float fine_;
};

/// Light on each triangle and its colours at a sample.
class Faces {
 public:
  Faces(const Panel& panel,
        const Coloring& coloring,
        const at::Tensor& project,
        const Camera& camera)
      : xyz_(panel.xyz.const_data_ptr<float>()),
        corner_(panel.triangles.const_data_ptr<int64_t>()),
        rgb_(coloring.rgb.const_data_ptr<uint8_t>()),
        row_(project.const_data_ptr<float>()),
        blend_(!coloring.entry.defined()),
        frame_(camera.frame()) {}

  float light(int64_t face) const {
    const Vec a = at(corner_[3 * face]);
    const Vec normal =
        unit(cross(at(corner_[3 * face + 1]) - a, at(corner_[3 * face + 2]) - a), frame_.back);
    // Both sides are lit: the one that is seen looks at the eye.
    const double side = dot(normal, frame_.back) < 0 ? -1 : 1;
    return lit(static_cast<float>(side * dot(normal, frame_.right)),
               static_cast<float>(-side * dot(normal, frame_.up)),
               static_cast<float>(side * dot(normal, frame_.back)),
               0.45F);
  }

  /// Ids have the colour of the nearest corner, numbers are blended between the corners.
  std::array<float, 3> color(int64_t face, int64_t y, int64_t x) const {
    std::array<float, 3> share =
        shares(face, static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F);
    if (!blend_) {
      const auto nearest = std::max_element(share.begin(), share.end()) - share.begin();
      share = {0, 0, 0};
      share[static_cast<size_t>(nearest)] = 1;
    }
    std::array<float, 3> color{};
    for (size_t k = 0; k < 3; ++k) {
      const uint8_t* rgb = rgb_ + 3 * corner_[3 * face + static_cast<int64_t>(k)];
      for (size_t c = 0; c < 3; ++c) color[c] += share[k] * rgb[c];
    }
    return color;
  }

 private:
  Vec at(int64_t row) const { return {xyz_[3 * row], xyz_[3 * row + 1], xyz_[3 * row + 2]}; }

  /// Barycentric coordinates on the triangle of what a sample shows: homogeneous edge functions, so corners behind the eye do
  /// no harm (Olano and Greer 1997).
  std::array<float, 3> shares(int64_t face, float u, float v) const {
    double c[3][3];
    for (int k = 0; k < 3; ++k) {
      const Vec p = at(corner_[3 * face + k]);
      const auto row = [&](int r) {
        const float* m = row_ + 4 * r;
        return m[0] * p[0] + m[1] * p[1] + m[2] * p[2] + m[3];
      };
      const double w = row(3);
      c[k][0] = row(0) - u * w;
      c[k][1] = row(1) - v * w;
      c[k][2] = w;
    }
    std::array<float, 3> share{};
    float sum = 0;
    for (size_t k = 0; k < 3; ++k) {
      const double* a = c[(k + 1) % 3];
      const double* b = c[(k + 2) % 3];
      share[k] = static_cast<float>(a[0] * b[1] - a[1] * b[0]);
      sum += share[k];
    }
    for (float& value : share) value = sum != 0 ? std::clamp(value / sum, 0.0F, 1.0F) : 1.0F / 3;
    return share;
  }

  const float* xyz_;
  const int64_t* corner_;
  const uint8_t* rgb_;
  const float* row_;
  bool blend_;
  Camera::Frame frame_;
};

/// Means of fine × fine samples; sample(y, x, color) says whether there is something, and its colour.
template <typename Sample>
at::Tensor smoothed(int64_t height, int64_t width, int64_t fine, const Sample& sample) {
  at::Tensor image = at::zeros({height, width, 4}, at::kByte);
  uint8_t* out = image.mutable_data_ptr<uint8_t>();
  parallel_each(height, [&](int64_t y) {
    for (int64_t x = 0; x < width; ++x) {
      std::array<float, 3> sum{};
      int covered = 0;
      for (int64_t k = 0; k < fine * fine; ++k) {
        std::array<float, 3> color{};
        if (!sample(y * fine + k / fine, x * fine + k % fine, color)) continue;
        ++covered;
        for (size_t c = 0; c < 3; ++c) sum[c] += color[c];
      }
      if (covered == 0) continue;
      uint8_t* pixel = out + 4 * (y * width + x);
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
  const bool mesh = panel.triangles.defined() && panel.triangles.size(0) > 0;
  Splat splat{static_cast<float>(kThinnest * static_cast<double>(fine)), 0, true};
  if (point_size > 0) {
    splat.pixels = static_cast<float>(point_size / 2 * static_cast<double>(fine));
  } else {
    const double distance = std::max(length(Vec(camera.eye) - Vec(camera.target)), 1e-12);
    const double apart = panel.spacing * focal_length(camera, height) / distance;
    splat.world = static_cast<float>(relative_radius(apart) * panel.spacing);
  }
  const Raster raster = mesh ? rasterize_triangles(panel.xyz, panel.triangles, project, tall, wide)
                             : rasterize_points(panel.xyz, project, tall, wide, splat);
  const float* depth = raster.depth.const_data_ptr<float>();
  const int32_t* nearest = raster.index.const_data_ptr<int32_t>();
  const double size = std::max(bounds(panel).diagonal(), 1e-9);
  const int64_t ring = std::max<int64_t>(fine * std::min(height, width) / 90, fine);
  const Shader shader{depth, tall, wide, static_cast<float>(size), 0.3F * splat.world, fine, ring};
  if (mesh) {
    const Faces faces(panel, coloring, project, camera);
    return smoothed(height, width, fine, [&](int64_t y, int64_t x, std::array<float, 3>& color) {
      const int64_t face = nearest[y * wide + x];
      if (face < 0) return false;
      color = faces.color(face, y, x);
      const float light = shader(y, x) * faces.light(face);
      for (float& channel : color) channel *= light;
      return true;
    });
  }
  const Balls balls(panel.xyz, project, focal_length(camera, tall), splat, fine);
  const uint8_t* rgb = coloring.rgb.const_data_ptr<uint8_t>();
  return smoothed(height, width, fine, [&](int64_t y, int64_t x, std::array<float, 3>& color) {
    const int64_t index = nearest[y * wide + x];
    if (index < 0) return false;
    const float light = shader(y, x) * balls(index, y, x);
    for (size_t c = 0; c < 3; ++c) color[c] = rgb[3 * index + static_cast<int64_t>(c)] * light;
    return true;
  });
}

}  // namespace pointattn::view
