// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/camera.h"

#include <open3d/visualization/visualizer/ViewControl.h>

namespace pointattn::view {

/// A part of a window in pixels; `bottom` counts from the lower edge, as OpenGL does.
struct Area {
  int left = 0;
  int bottom = 0;
  int width = 1;
  int height = 1;
};

/// Open3D's view control over our camera: the mouse turns it about its target with the up axis kept
/// upright, and draws through it into any part of the window.
class CameraControl final : public open3d::visualization::ViewControl {
 public:
  CameraControl(const Camera& camera, const Box& box)
      : camera_(camera), start_(camera), box_(box) {}

  const Camera& camera() const { return camera_; }
  /// The camera that Reset() goes back to, and goes there.
  void begin(const Camera& camera) { start_ = camera_ = camera; }
  const Camera& start() const { return start_; }
  void set_camera(const Camera& camera) { camera_ = camera; }
  /// Pixels that a unit of length takes at the target in a picture of this height.
  double pixels_per_unit(int height) const;

  /// Makes the area the viewport, and fills the matrices and vectors that Open3D's shaders ask for.
  void look_through(const Area& area);

  // What Visualizer calls. Distances of the mouse are in pixels.
  void Reset() override { camera_ = start_; }
  void ChangeWindowSize(int width, int height) override;
  void ChangeFieldOfView(double) override {}
  void Scale(double steps) override;
  void Rotate(double x, double y, double, double) override;
  void Translate(double x, double y, double, double) override;
  void Roll(double) override {}
  void CameraLocalRotate(double x, double y, double xo, double yo) override {
    Rotate(x, y, xo, yo);
  }
  void ResetCameraLocalRotate() override {}

 private:
  Camera camera_;
  Camera start_;
  Box box_;
};

}  // namespace pointattn::view
