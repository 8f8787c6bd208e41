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
  /// `title` stands above the cloud; empty: none. The panel must outlive the pane.
  Pane(const Panel& panel, const std::string& title);

  void color_by(const std::string& coloring);
  /// Marks a point and says below the cloud what it is; nothing: takes the mark away.
  void mark(std::optional<int64_t> point);
  /// Draws the legend anew where the pane has another width than it was drawn for.
  void fit_legend(const Area& area);
  /// Heights that the title and what stands below the cloud take.
  int above() const;
  int below() const;
  /// The cloud into `inner`, the texts around it. Of more than `most` points an even share is drawn.
  void draw(
      const Area& area, const Area& inner, CameraControl& control, BallSize size, int64_t most);
  const Panel& panel() const { return panel_; }
  void show_legend(bool shown);

 private:
  const Panel& panel_;
  const Coloring* coloring_ = nullptr;
  BallCloud points_;
  std::shared_ptr<open3d::geometry::TriangleMesh> mesh_;  ///< set where the panel is a mesh
  open3d::visualization::glsl::TriangleMeshRenderer mesh_renderer_;
  BallCloud mark_;
  bool marked_ = false;
  Overlay title_, legend_, caption_;
  bool legend_shown_ = true;
  int legend_width_ = 0;  ///< of the pane that the legend was drawn for
};

}  // namespace pointattn::view
