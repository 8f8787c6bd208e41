// SPDX-License-Identifier: Apache-2.0
// Points are projected, sorted by bands of rows, and each band is drawn by one thread with a depth
// test.
#include "pointattn/view/raster_inputs.h"
#include "pointattn/view/rasterizer.h"
#include "pointattn/view/row_bands.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <limits>

namespace pointattn::view {
namespace {

constexpr int64_t kGrain = 1 << 14;
constexpr float kLargest = 256;  // radius in pixels

/// A point in the picture. A radius of 0 is not seen.
struct Spot {
  float u, v, depth;
  float radius;     ///< pixels
  float thickness;  ///< of the ball in units of depth; 0 for a disc
};

struct View {
  const float* row;  ///< the 4×4 matrix
  float scale;       ///< pixels of a unit at w = 1
  float depth_scale;
};

View view_of(const float* project) {
  const auto dot = [&](int a, int b) {
    double sum = 0;
    for (int k = 0; k < 3; ++k) sum += static_cast<double>(project[4 * a + k]) * project[4 * b + k];
    return sum;
  };
  // The u row without its share along the viewing direction is the focal length times "right".
  const double along = dot(3, 3) > 0 ? dot(0, 3) * dot(0, 3) / dot(3, 3) : 0;
  return {project,
          static_cast<float>(std::sqrt(std::max(0.0, dot(0, 0) - along))),
          static_cast<float>(std::sqrt(dot(2, 2)))};
}

Spot spot_of(const View& view, const float* xyz, const Splat& splat) {
  float out[4];
  for (int r = 0; r < 4; ++r) {
    const float* m = view.row + 4 * r;
    out[r] = m[0] * xyz[0] + m[1] * xyz[1] + m[2] * xyz[2] + m[3];
  }
  const float w = out[3];
  Spot spot{out[0] / w, out[1] / w, out[2], 0, 0};
  if (!(w > 0) || !std::isfinite(spot.u) || !std::isfinite(spot.v) || !std::isfinite(spot.depth))
    return spot;
  spot.radius = std::min(kLargest, std::max(splat.pixels, splat.world * view.scale / w));
  if (splat.round && view.scale > 0)
    spot.thickness = spot.radius * w / view.scale * view.depth_scale;
  return spot;
}

void draw_spot(const Spot& spot,
               int32_t index,
               int64_t first,
               int64_t last,
               int64_t width,
               float* depth,
               int32_t* nearest) {
  const auto middle_row = static_cast<int64_t>(std::floor(spot.v));
  const auto middle_column = static_cast<int64_t>(std::floor(spot.u));
  const int64_t top = std::max(first, static_cast<int64_t>(std::ceil(spot.v - spot.radius - 0.5F)));
  const int64_t bottom =
      std::min(last, static_cast<int64_t>(std::floor(spot.v + spot.radius - 0.5F)));
  const float squared = spot.radius * spot.radius;
  for (int64_t y = std::min(top, std::max(first, middle_row));
       y <= std::max(bottom, std::min(last, middle_row));
       ++y) {
    const float dy = static_cast<float>(y) + 0.5F - spot.v;
    const float rest = squared - dy * dy;
    int64_t left = middle_column + 1;
    int64_t right = middle_column - 1;
    if (rest >= 0) {
      const float half = std::sqrt(rest);
      left = static_cast<int64_t>(std::ceil(spot.u - half - 0.5F));
      right = static_cast<int64_t>(std::floor(spot.u + half - 0.5F));
    }
    if (y == middle_row) {
      left = std::min(left, middle_column);
      right = std::max(right, middle_column);
    }
    left = std::max<int64_t>(left, 0);
    right = std::min(right, width - 1);
    for (int64_t x = left; x <= right; ++x) {
      float z = spot.depth;
      if (spot.thickness > 0) {
        const float dx = static_cast<float>(x) + 0.5F - spot.u;
        z -= spot.thickness * std::sqrt(std::max(0.0F, 1 - (dx * dx + dy * dy) / squared));
      }
      const int64_t pixel = y * width + x;
      if (z < depth[pixel]) {
        depth[pixel] = z;
        nearest[pixel] = index;
      }
    }
  }
}

void draw_view(const float* xyz,
               int64_t points,
               const View& view,
               int64_t height,
               int64_t width,
               const Splat& splat,
               float* depth,
               int32_t* nearest) {
  std::vector<Spot> spots(static_cast<size_t>(points));
  at::parallel_for(0, points, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Spot spot = spot_of(view, xyz + 3 * i, splat);
      const float reach = spot.radius + 1;
      if (!(spot.u + reach > 0) || !(spot.v + reach > 0) ||
          !(spot.u - reach < static_cast<float>(width)) ||
          !(spot.v - reach < static_cast<float>(height)))
        spot.radius = 0;
      spots[static_cast<size_t>(i)] = spot;
    }
  });
  const RowBands bands(points, height, [&](int64_t i) {
    const Spot& spot = spots[static_cast<size_t>(i)];
    if (!(spot.radius > 0)) return std::pair<int64_t, int64_t>{0, -1};
    return std::pair<int64_t, int64_t>{static_cast<int64_t>(std::floor(spot.v - spot.radius)),
                                       static_cast<int64_t>(std::floor(spot.v + spot.radius))};
  });
  bands.draw([&](int32_t i, int64_t first, int64_t last) {
    draw_spot(spots[static_cast<size_t>(i)], i, first, last, width, depth, nearest);
  });
}

}  // namespace

Raster rasterize_points(
    const at::Tensor& xyz, const at::Tensor& project, int64_t height, int64_t width, Splat splat) {
  check_raster_inputs("rasterize_points", xyz, project, height, width);
  const at::Tensor points = xyz.contiguous();
  const at::Tensor cameras = project.contiguous();
  Raster raster = empty_raster(cameras.size(0), height, width);
  float* depth = raster.depth.mutable_data_ptr<float>();
  int32_t* nearest = raster.index.mutable_data_ptr<int32_t>();
  // With one camera this loop has one turn, on the calling thread, and the loops inside it are the
  // parallel ones.
  at::parallel_for(0, cameras.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t camera = begin; camera < end; ++camera) {
      const View view = view_of(cameras.const_data_ptr<float>() + 16 * camera);
      const int64_t pixels = camera * height * width;
      draw_view(points.const_data_ptr<float>(),
                points.size(0),
                view,
                height,
                width,
                splat,
                depth + pixels,
                nearest + pixels);
    }
  });
  return raster;
}

}  // namespace pointattn::view
