// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/picture.h"

#include <cstdint>
#include <filesystem>

namespace pointattn::view {

struct TurntableOptions {
  PictureOptions picture{{}, 640, 480};
  int64_t frames = 48;
  int64_t frames_per_second = 16;
};

/// The scene once around, as .gif (256 colours, shared by all frames) or as .mp4, for which the program `ffmpeg` must be on
/// PATH. Written whole or not at all. Throws c10::ValueError for another extension, c10::Error that
/// names the cure where the build lacks giflib or ffmpeg is not found.
void write_turntable(const std::filesystem::path& path,
                     const Scene& scene,
                     const Camera& camera,
                     const TurntableOptions& options = {});

}  // namespace pointattn::view
