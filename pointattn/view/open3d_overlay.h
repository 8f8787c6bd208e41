// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/open3d_camera.h"

#include <ATen/core/Tensor.h>
#include <open3d/geometry/Image.h>
#include <open3d/visualization/shader/GeometryRenderer.h>

#include <memory>

namespace pointattn::view {

/// An image in front of the scene, such as a legend: one pixel of it is one pixel of the window.
/// Needs the window's OpenGL context as long as it lives.
class Overlay {
 public:
  /// Image uint8 [H,W,4] with a transparent ground, which becomes white; undefined or of no size:
  /// nothing is drawn.
  void set(const at::Tensor& image);
  int width() const { return image_ ? image_->width_ : 0; }
  int height() const { return image_ ? image_->height_ : 0; }
  /// With its lower left corner at this pixel.
  void draw(int left, int bottom, const open3d::visualization::ViewControl& control);

 private:
  std::shared_ptr<open3d::geometry::Image> image_;
  open3d::visualization::glsl::ImageRenderer renderer_;
};

}  // namespace pointattn::view
