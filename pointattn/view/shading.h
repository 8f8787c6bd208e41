// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/camera.h"
#include "pointattn/view/rasterizer.h"
#include "pointattn/view/scene.h"
#include "pointattn/view/vectors.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cmath>

/// Light on what a sample of a picture shows, 0 … 1. In headers, for it runs for every sample.
namespace pointattn::view {

/// Where the light comes from, in the picture: left, above and behind the eye.
constexpr float kLight[3] = {-0.40F, -0.50F, 0.77F};

/// Eye-dome lighting (Boucheny 2009): what lies behind its neighbours is darker.
struct EdgeLight {
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
inline float lit(float x, float y, float z, float contrast) {
  const float light = x * kLight[0] + y * kLight[1] + z * kLight[2];
  return std::min(1.0F, 1 - contrast * (1 - std::max(0.0F, light) / 0.97F));
}

/// The balls that points are: colour of a point in the light that a sample of it gets.
class Balls {
 public:
  Balls(const Panel& panel,
        const Coloring& coloring,
        const at::Tensor& project,
        double focal,
        Splat splat,
        int64_t fine)
      : xyz_(panel.xyz.const_data_ptr<float>()),
        rgb_(coloring.rgb.const_data_ptr<uint8_t>()),
        row_(project.const_data_ptr<float>()),
        focal_(static_cast<float>(focal)),
        splat_(splat),
        fine_(static_cast<float>(fine)) {}

  std::array<float, 3> operator()(int64_t index, int64_t y, int64_t x) const {
    const float shade = light(index, y, x);
    const uint8_t* rgb = rgb_ + 3 * index;
    return {shade * rgb[0], shade * rgb[1], shade * rgb[2]};
  }

 private:
  float light(int64_t index, int64_t y, int64_t x) const {
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

  const float* xyz_;
  const uint8_t* rgb_;
  const float* row_;
  float focal_;
  Splat splat_;
  float fine_;
};

/// The triangles of a mesh, flat shaded: the colour of one at a sample. Ids have the colour of the
/// nearest corner, numbers are blended between the corners.
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

  std::array<float, 3> operator()(int64_t face, int64_t y, int64_t x) const {
    std::array<float, 3> share =
        shares(face, static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F);
    if (!blend_) {
      const auto nearest = std::max_element(share.begin(), share.end()) - share.begin();
      share = {0, 0, 0};
      share[static_cast<size_t>(nearest)] = 1;
    }
    const float shade = light(face);
    std::array<float, 3> color{};
    for (size_t k = 0; k < 3; ++k) {
      const uint8_t* rgb = rgb_ + 3 * corner_[3 * face + static_cast<int64_t>(k)];
      for (size_t c = 0; c < 3; ++c) color[c] += shade * share[k] * rgb[c];
    }
    return color;
  }

 private:
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

  Vec at(int64_t row) const { return {xyz_[3 * row], xyz_[3 * row + 1], xyz_[3 * row + 2]}; }

  /// Barycentric coordinates on the triangle of what a sample shows: homogeneous edge functions, so
  /// corners behind the eye do no harm (Olano and Greer 1997).
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

}  // namespace pointattn::view
