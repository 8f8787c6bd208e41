// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <open3d/visualization/shader/ShaderWrapper.h>

namespace pointattn::view {

/// Radius of a point: `world` in the scene's units, so that near points are larger, but never less
/// than `pixels`.
struct BallSize {
  double pixels = 1;
  double world = 0;
};

/// Points as lit balls, as pictures show them (render.h); Open3D's own shader draws squares without
/// light. The colours and places go to the graphics card as the tensors have them. Needs the
/// window's OpenGL context as long as it lives.
class Balls final : public open3d::visualization::glsl::ShaderWrapper {
 public:
  Balls();
  ~Balls() override { Release(); }

  /// float32 [N,3]
  void set_points(const at::Tensor& xyz);
  /// uint8 [N,3]
  void set_colors(const at::Tensor& rgb);
  /// Into the viewport and through the matrices of the control. `always`: in front of what is
  /// already there.
  void draw(const open3d::visualization::ViewControl& control, BallSize size, bool always = false);

 protected:
  bool Compile() override;
  void Release() override;
  bool BindGeometry(const open3d::geometry::Geometry&,
                    const open3d::visualization::RenderOption&,
                    const open3d::visualization::ViewControl&) override;
  bool RenderGeometry(const open3d::geometry::Geometry&,
                      const open3d::visualization::RenderOption&,
                      const open3d::visualization::ViewControl& control) override;
  void UnbindGeometry() override;

 private:
  GLuint points_ = 0;
  GLuint colors_ = 0;
  int64_t count_ = 0;
  BallSize size_;
  bool always_ = false;
};

}  // namespace pointattn::view
