// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/camera.h"
#include "pointattn/view/scene.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace pointattn::view {

/// How a window begins.
struct ViewOptions {
  std::string title = "pointattn";
  std::string by;    ///< colouring to begin with; empty: the panel's first
  int width = 1280;  ///< pixels of the window
  int height = 960;
  double point_size = 0;            ///< diameter in pixels; 0 suits the cloud
  std::optional<Camera> camera;     ///< else fit() to the scene
  std::filesystem::path save_view;  ///< where the window's key for it saves the camera; empty:
                                    ///< view.json in the current folder
};

/// A window on a scene.
class Viewer {
 public:
  virtual ~Viewer() = default;
  /// Opens the window and returns when it is closed. Throws c10::Error with one line when there is
  /// no display or no viewer in this build.
  virtual void show(const Scene& scene, const ViewOptions& options) = 0;
};

/// The viewer of this build (target pointattn_viewer): Open3D's, or the null viewer, whose show()
/// throws a line that says how to get one.
std::unique_ptr<Viewer> make_viewer();

}  // namespace pointattn::view
