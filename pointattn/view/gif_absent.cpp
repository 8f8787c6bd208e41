// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/frames.h"

#include <c10/util/Exception.h>

namespace pointattn::view {

void write_gif(const std::filesystem::path& path, const Frames&) {
  TORCH_CHECK(
      false, path.string(), ": no GIF files in this build: install libgif-dev and build again");
}

}  // namespace pointattn::view
