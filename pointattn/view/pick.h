// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/camera.h"
#include "pointattn/view/scene.h"

#include <cstdint>
#include <optional>

namespace pointattn::view {

/// A place in a picture of width × height pixels, from its upper left corner.
struct Pixel {
  double x = 0;
  double y = 0;
  double width = 1;
  double height = 1;
};

/// The point that is seen at a pixel: of the points within `radius` pixels the one nearest to the
/// camera, of a mesh the corner of the foremost triangle that is nearest to the pixel. Nothing
/// where there is none. O(N + T).
std::optional<int64_t> pick(const Panel& panel,
                            const Camera& camera,
                            const Pixel& pixel,
                            double radius);

}  // namespace pointattn::view
