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
  float world = 0;      ///< radius in the units of the points: what is nearer is larger. At most
                        ///< 256 pixels are drawn
  bool round = false;   ///< depth of a ball instead of a disc that faces the camera, so that
                        ///< neighbours meet halfway
};

/// Nearest points of each pixel. xyz float32 [N,3]; project float32 [V,4,4], whose rows times
/// (x, y, z, 1) are (u·w, v·w, depth, w): u to the right and v downwards in pixels (pixel centres
/// at halves), depth what is compared and returned. A pinhole has depth = w, a parallel projection
/// w = 1. Points with w ≤ 0 and points that are not finite are not seen. Every other point inside
/// the picture covers at least the pixel it is in. Equal depths go by lower index; the result does
/// not depend on the number of threads. O(N + pixels covered); parallel over cameras, or over rows
/// where there is one camera.
/// Throws c10::ValueError for other shapes and types, and a size outside 1 … 65536.
Raster rasterize_points(const at::Tensor& xyz,
                        const at::Tensor& project,
                        int64_t height,
                        int64_t width,
                        Splat splat = {});

/// The same for triangles int64 [T,3] of rows of xyz, seen from both sides; the part of a triangle
/// that is nearer than w = `near` is cut off.
Raster rasterize_triangles(const at::Tensor& xyz,
                           const at::Tensor& triangles,
                           const at::Tensor& project,
                           int64_t height,
                           int64_t width,
                           float near = 1e-6F);

}  // namespace pointattn::view
