// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/open3d_balls.h"
#include "pointattn/view/open3d_camera.h"
#include "pointattn/view/open3d_overlay.h"
#include "pointattn/view/scene.h"

#include <open3d/geometry/TriangleMesh.h>

#include <memory>
#include <optional>
#include <string>

namespace pointattn::view {

/// One panel of the scene in its part of the window: the cloud or mesh, its title, its legend, and
/// the point that was picked. Needs the window's OpenGL context as long as it lives.
class Pane {
 public:
  /// `title` stands above the legend; empty: none. The panel must outlive the pane.
  Pane(const Panel& panel, const std::string& title);

  void color_by(const std::string& coloring);
  /// Marks a point and says below the cloud what it is; nothing: takes the mark away.
  void mark(std::optional<int64_t> point);
  void draw(const Area& area, CameraControl& control, BallSize size, bool legend);
  const Panel& panel() const { return panel_; }

 private:
  void draw_texts(const Area& area, const CameraControl& control, bool legend);

  const Panel& panel_;
  const Coloring* coloring_ = nullptr;
  Balls points_;
  std::shared_ptr<open3d::geometry::TriangleMesh> mesh_;  ///< set where the panel is a mesh
  open3d::visualization::glsl::TriangleMeshRenderer mesh_renderer_;
  Balls mark_;
  bool marked_ = false;
  Overlay title_, legend_, caption_;
  int legend_room_ = 0;  ///< height that the legend was drawn for
};

}  // namespace pointattn::view
