// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/scene.h"

#include <array>
#include <filesystem>
#include <vector>

namespace pointattn::view {

/// A pinhole camera in the frame of Panel::xyz; right-handed, like OpenGL's and Open3D's.
struct Camera {
  std::array<double, 3> eye{0, 0, 3};
  std::array<double, 3> target{0, 0, 0};  ///< what the middle of the picture shows
  std::array<double, 3> up{0, 1, 0};      ///< need not be at a right angle to the view
  double fov = 30;                        ///< vertical field of view in degrees

  /// Unit vectors of the picture: right, up, and back (from the target to the eye).
  struct Frame {
    std::array<double, 3> right, up, back;
  };
  Frame frame() const;
};

/// The camera that sees the whole scene from the front right and a little above, every panel in a
/// picture of this aspect (width / height); with `all_around` also after orbit() about the up axis.
/// An empty scene or a single point gives a valid camera too.
Camera fit(const Scene& scene,
           double aspect,
           double azimuth = 35,
           double elevation = 20,
           bool all_around = false);

/// The camera moved around its target: azimuth about the up axis, elevation over it (kept from the
/// poles), in degrees.
Camera orbit(const Camera& camera, double azimuth, double elevation = 0);

/// `count` cameras once around, the given one first.
std::vector<Camera> ring(const Camera& camera, int64_t count);

/// JSON {"eye", "target", "up", "fov"} in the units and coordinates of the first panel's file.
/// Written whole or not at all; reading throws c10::Error with the path for a file that is no view.
void save_view(const std::filesystem::path& path, const Camera& camera, const Scene& scene);
Camera load_view(const std::filesystem::path& path, const Scene& scene);

}  // namespace pointattn::view
