// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/open3d_camera.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <memory>

namespace pointattn::view {

/// Radius of a point: `world` in the scene's units, so that near points are larger, but never less
/// than `pixels`.
struct BallSize {
  double pixels = 1;
  double world = 0;
};

/// Places and colours on the graphics card, and one of the shaders that draw them.
class PointShader;

/// Points as lit balls, as pictures show them (render.h); Open3D's own shader draws squares without
/// light. The colours and places go to the graphics card as the tensors have them. Needs the
/// window's OpenGL context as long as it lives.
class BallCloud {
 public:
  BallCloud();
  ~BallCloud();
  BallCloud(const BallCloud&) = delete;
  BallCloud& operator=(const BallCloud&) = delete;

  /// float32 [N,3]
  void set_points(const at::Tensor& xyz);
  /// uint8 [N,3]
  void set_colors(const at::Tensor& rgb);
  /// Through the matrices of the control. Of more than `most` points an even share is drawn.
  void draw(const CameraControl& control,
            BallSize size,
            int64_t most = std::numeric_limits<int64_t>::max());

 private:
  GLuint points_ = 0;
  GLuint colors_ = 0;
  int64_t count_ = 0;
  std::unique_ptr<PointShader> balls_;
  std::unique_ptr<PointShader> discs_;  ///< for points too small to have a shape: many times faster
};

}  // namespace pointattn::view
