// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/camera.h"
#include "pointattn/view/scene.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace pointattn::view {

/// Writes one self-contained HTML page (no network, no library) that shows the scene in WebGL 2:
/// turn, zoom and move with mouse or fingers, a legend whose parts can be switched off, the name
/// and confidence of the point under the pointer. Positions are quantised to 16 bits over the
/// panel's box. Of a panel with more than `max_points` an even share is kept. Begins with the
/// colouring `by` (empty: the first), seen `from` that camera (else fit()). Returns a note when
/// points were left out, else nothing.
std::string write_page(const std::filesystem::path& path,
                       const Scene& scene,
                       const std::string& by = {},
                       const std::optional<Camera>& from = {},
                       int64_t max_points = 300'000);

}  // namespace pointattn::view
