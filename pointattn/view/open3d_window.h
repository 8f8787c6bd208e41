// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/open3d_camera.h"
#include "pointattn/view/open3d_pane.h"
#include "pointattn/view/viewer.h"

#include <open3d/visualization/visualizer/Visualizer.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace pointattn::view {

/// Open3D's window with our camera, panels side by side, legends, keys and picking. What was picked
/// goes to stdout, everything else that is said to stderr.
class Window final : public open3d::visualization::Visualizer {
 public:
  /// Both must outlive the window.
  Window(const Scene& scene, const ViewOptions& options);

  /// Opens the window; throws c10::Error with one line where that cannot be.
  void open();
  std::string help() const;

  void BuildUtilities() override {}
  void UpdateWindowTitle() override;

 protected:
  bool InitViewControl() override;
  void Render(bool) override;
  void WindowRefreshCallback(GLFWwindow*) override;
  void MouseButtonCallback(GLFWwindow*, int button, int action, int mods) override;
  void KeyPressCallback(GLFWwindow*, int key, int scancode, int action, int mods) override;

 private:
  /// Keys that one line of the help is about.
  struct Keys {
    std::string shown;
    std::string help;
    std::map<std::string, std::function<void()>> run;
  };

  void set_up_keys();
  void color_by(size_t number);
  void show_coloring(const std::string& name);
  void pick_under_pointer();
  void write_picture();
  std::filesystem::path view_file() const;
  const CameraControl& control() const {
    return static_cast<const CameraControl&>(*view_control_ptr_);
  }
  CameraControl& control() { return static_cast<CameraControl&>(*view_control_ptr_); }
  Area area(size_t pane) const;
  /// The part of it between title and legend.
  Area cloud_area(size_t pane) const;
  void show_legend(bool shown);
  BallSize ball_size() const;

  const Scene& scene_;
  const ViewOptions& options_;
  std::vector<std::string> colorings_;  ///< names that any panel knows
  size_t coloring_ = 0;
  std::string by_;  ///< the colouring on show; empty: the first one of each panel
  std::vector<Keys> keys_;
  double enlarged_ = 1;  ///< what the keys made of the size of the points
  bool legend_ = true;
  std::deque<Pane> panes_;
};

}  // namespace pointattn::view
