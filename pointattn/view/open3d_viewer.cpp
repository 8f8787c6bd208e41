// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/open3d_window.h"
#include "pointattn/view/viewer.h"

#include <open3d/utility/Logging.h>

#include <iostream>

namespace pointattn::view {
namespace {

class Open3dViewer final : public Viewer {
 public:
  void show(const Scene& scene, const ViewOptions& options) override {
    // What goes wrong is said by our own one line.
    open3d::utility::SetVerbosityLevel(open3d::utility::VerbosityLevel::Error);
    Window window(scene, options);
    window.open();
    std::cerr << window.help() << std::flush;
    window.Run();
  }
};

}  // namespace

std::unique_ptr<Viewer> make_viewer() { return std::make_unique<Open3dViewer>(); }

}  // namespace pointattn::view
