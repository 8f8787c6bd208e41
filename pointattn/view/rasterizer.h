// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace pointattn::view {

/// Points or triangles in pixels, for V cameras.
struct Raster {
  at::Tensor depth;  ///< float32 [V,H,W]; +inf where nothing is seen
  at::Tensor index;  ///< int32 [V,H,W] row of the nearest point or triangle; −1 where there is none
};

/// Size and shape of a point in a picture.
struct Splat {
  float pixels = 0.5F;  ///< radius in pixels that every point has at least; 0.5 is one pixel
  float world = 0;      ///< radius in the units of the points; nearer points are larger
  bool round =
      false;  ///< depth of a ball instead of a disc that faces the camera, so that neighbours meet halfway
};

/// Nearest points of each pixel. xyz float32 [N,3]; project float32 [V,4,4]: rows times (x, y, z, 1) are
/// (u·w, v·w, depth, w) with u to the right and v downwards in pixels (pixel centres at halves),
/// and depth what is compared and returned. For a pinhole depth = w; for a parallel projection
/// w = 1. Points with w ≤ 0 or that are not finite are not seen. Equal depths go by lower index;
/// the result does not depend on the number of threads. O(N + pixels covered), parallel over
/// cameras or over rows.
Raster rasterize_points(const at::Tensor& xyz,
                        const at::Tensor& project,
                        int64_t height,
                        int64_t width,
                        Splat splat = {});

/// The same for triangles int64 [T,3] (both sides are seen); parts with w below `near` are cut off.
Raster rasterize_triangles(const at::Tensor& xyz,
                           const at::Tensor& triangles,
                           const at::Tensor& project,
                           int64_t height,
                           int64_t width,
                           float near = 1e-6F);

}  // namespace pointattn::view
