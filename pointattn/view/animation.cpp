// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/animation.h"

#include "pointattn/core/closest.h"
#include "pointattn/view/frames.h"

#include <c10/util/Exception.h>

namespace pointattn::view {

void write_turntable(const std::filesystem::path& path,
                     const Scene& scene,
                     const Camera& camera,
                     const TurntableOptions& options) {
  TORCH_CHECK_VALUE(options.frames >= 1 && options.frames <= 1000,
                    "turntable: expected 1 to 1000 frames, got ",
                    options.frames);
  const std::vector<Camera> cameras = ring(camera, options.frames);
  const Frames frames{options.frames, options.hundredths, [&](int64_t frame) {
                        return draw_picture(
                            scene, {cameras[static_cast<size_t>(frame)]}, options.picture);
                      }};
  const std::string extension = lower(path.extension().string());
  if (extension == ".gif") return write_gif(path, frames);
  if (extension == ".mp4") return write_mp4(path, frames);
  TORCH_CHECK_VALUE(false, path.string(), ": expected a name that ends in .gif or .mp4");
}

}  // namespace pointattn::view
