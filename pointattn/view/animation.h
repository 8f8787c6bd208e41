// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/picture.h"

#include <cstdint>
#include <filesystem>

namespace pointattn::view {

struct TurntableOptions {
  PictureOptions picture{{}, 640, 480};
  int64_t frames = 60;
  int64_t hundredths = 7;  ///< of a second that a frame lasts
};

/// The scene once around, from `camera` on, as .gif (255 colours, the same for all frames; repeats
/// for ever) or as .mp4, for which the program `ffmpeg` must be on PATH. Written whole or not at
/// all. Throws c10::ValueError for another extension or fewer than 1 or more than 1000 frames,
/// c10::Error that names the cure where the build lacks giflib or ffmpeg is not found.
void write_turntable(const std::filesystem::path& path,
                     const Scene& scene,
                     const Camera& camera,
                     const TurntableOptions& options = {});

}  // namespace pointattn::view
