// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace pointattn::ops {

/// A ring of V cameras around the up axis y, looking at the origin. Camera k stands at the azimuth
/// 2πk/V, from +z over +x, `elevation` above the horizon; its picture has +y up.
struct ViewRing {
  int64_t views = 12;     ///< V, 1 … 256
  int64_t size = 64;      ///< S, pixels along an edge, 1 … 4096
  double elevation = 30;  ///< degrees, -90 … 90
  /// Radius of a point in units of the cloud; 0 chooses 2/√n, at most 1/4, for a cloud of n points,
  /// which closes the holes of a surface sampled evenly inside the unit sphere. At least 0.7072
  /// pixels are drawn: such a disc reaches the middle of the pixel that its point is in.
  double radius = 0;
};

/// Distance of the parallel cameras' planes from the origin.
inline constexpr double kViewDistance = 2;

/// Depth pictures of each cloud from a ring of cameras, as view-based networks want them (Su et al.,
/// "Multi-view convolutional neural networks for 3D shape recognition", ICCV 2015). Projection is
/// parallel, and the unit sphere fills the picture. A point is a disc that faces the camera and
/// covers the pixels whose middles it reaches.
///
/// xyz      [N,3] float32 or float64
/// offsets  [B+1] int64 row starts of the clouds
///
/// Returns float32 [B,V,S,S], rows downwards: the distance of the nearest point from the plane of
/// the camera, 1 … 3 inside the unit sphere, and 0 where nothing is seen; so the silhouette is
/// depth > 0. Points outside the picture or behind the plane are not seen, and an empty cloud has
/// empty pictures. The pictures depend neither on the order of the points (equal depths are equal
/// pixels) nor on the number of threads, which share out (cloud, view). No gradient.
///
/// Points are drawn on the CPU; for a CUDA tensor they are copied there and the pictures back.
/// Throws c10::ValueError: wrong shapes or types, a ring outside the bounds above, NaN or infinity.
/// O(V (N + pixels covered)) time, memory of the result.
at::Tensor render_views(const at::Tensor& xyz,
                        const at::Tensor& offsets,
                        const ViewRing& ring = {});

}  // namespace pointattn::ops
