// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/pick.h"

#include "pointattn/view/vectors.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace pointattn::view {
namespace {

constexpr double kNowhere = std::numeric_limits<double>::infinity();

/// What the camera sees of the points, about the pixel.
struct Seen {
  at::Tensor u, v;   ///< float32 [N] pixels to the right of the pixel and above it
  at::Tensor depth;  ///< float32 [N]; not positive behind the camera
};

at::Tensor column(const Vec& v) { return at::tensor({v[0], v[1], v[2]}, at::kFloat); }

Seen see(const at::Tensor& xyz, const Camera& camera, const Pixel& pixel) {
  const Camera::Frame frame = camera.frame();
  const double scale = pixel.height / 2 / std::tan(camera.fov / 2 * std::numbers::pi / 180);
  const at::Tensor from_eye = xyz - column(camera.eye);
  Seen seen;
  seen.depth = -from_eye.mv(column(frame.back));
  seen.u = from_eye.mv(column(frame.right)) * scale / seen.depth - (pixel.x - pixel.width / 2);
  seen.v = from_eye.mv(column(frame.up)) * scale / seen.depth - (pixel.height / 2 - pixel.y);
  return seen;
}

std::optional<int64_t> nearest(const at::Tensor& measure) {
  if (measure.numel() == 0) return std::nullopt;
  const auto [value, row] = measure.min(0);
  if (!std::isfinite(value.item<double>())) return std::nullopt;
  return row.item<int64_t>();
}

/// The triangle that covers the pixel and lies foremost there.
std::optional<int64_t> foremost_triangle(const Seen& seen, const at::Tensor& triangles) {
  const auto corner = [&](const at::Tensor& of, int64_t c) {
    return of.index_select(0, triangles.select(1, c));
  };
  at::Tensor sum = at::zeros({triangles.size(0)}), above = at::zeros_like(sum);
  at::Tensor some_left = at::zeros_like(sum, at::kBool), some_right = some_left.clone();
  at::Tensor in_front = at::ones_like(some_left);
  for (int64_t c = 0; c < 3; ++c) {
    const int64_t a = (c + 1) % 3, b = (c + 2) % 3;
    // Twice the area between the pixel and the side opposite corner c.
    const at::Tensor area =
        corner(seen.u, a) * corner(seen.v, b) - corner(seen.u, b) * corner(seen.v, a);
    some_left |= area > 0;
    some_right |= area < 0;
    const at::Tensor depth = corner(seen.depth, c);
    in_front &= depth > 0;
    sum += area;
    above += area / depth;  // 1 / depth is what is linear in the picture
  }
  const at::Tensor inside = in_front & ~(some_left & some_right) & (sum != 0);
  return nearest((sum / above).masked_fill(~inside, kNowhere));
}

}  // namespace

std::optional<int64_t> pick(const Panel& panel,
                            const Camera& camera,
                            const Pixel& pixel,
                            double radius) {
  const Seen seen = see(panel.xyz, camera, pixel);
  const at::Tensor away = seen.u.square() + seen.v.square();
  if (panel.triangles.defined() && panel.triangles.size(0) > 0) {
    const auto triangle = foremost_triangle(seen, panel.triangles);
    if (!triangle) return std::nullopt;
    const at::Tensor corners = panel.triangles[*triangle];
    return corners[away.index_select(0, corners).argmin()].item<int64_t>();
  }
  const at::Tensor within = (away <= radius * radius) & (seen.depth > 0);
  return nearest(seen.depth.masked_fill(~within, kNowhere));
}

}  // namespace pointattn::view
