// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/viewer.h"

#include <c10/util/Exception.h>

namespace pointattn::view {
namespace {

class NullViewer : public Viewer {
 public:
  void show(const Scene&, const ViewOptions&) override {
    TORCH_CHECK(false,
                "no window in this build: install libopen3d-dev and build with "
                "-DPOINTATTN_VIEW=ON, or use --screenshot OUT.png or --html OUT.html");
  }
};

}  // namespace

std::unique_ptr<Viewer> make_viewer() { return std::make_unique<NullViewer>(); }

}  // namespace pointattn::view
