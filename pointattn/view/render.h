// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/camera.h"
#include "pointattn/view/scene.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace pointattn::view {

/// The matrix of rasterizer.h for a camera and a picture of this size: float32 [1,4,4].
at::Tensor projection(const Camera& camera, int64_t height, int64_t width);

/// Radius in the units of the panel that suits its points in a picture of this height: balls that
/// touch where there is room for balls, a closed surface where there is not.
double point_radius(const Panel& panel, const Camera& camera, int64_t height);

/// The points (or, for a mesh, the triangles) of a panel alone, uint8 [H,W,4] on a transparent
/// ground, smoothed by drawing finer than asked for. Depth is shown by darkening what lies behind a
/// near edge (eye-dome lighting, Boucheny 2009), and by the light on the little balls that points
/// are; the brightest places have exactly the colour of the colouring.
/// `point_size` is the diameter in pixels; 0 suits the cloud: neighbours touch.
at::Tensor render(const Panel& panel,
                  const Coloring& coloring,
                  const Camera& camera,
                  int64_t height,
                  int64_t width,
                  double point_size);

}  // namespace pointattn::view
