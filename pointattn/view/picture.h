// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/camera.h"
#include "pointattn/view/legend.h"
#include "pointattn/view/scene.h"

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

/// Pictures of a scene, drawn in software: no display, no GPU. An image is uint8 [H,W,4]: red,
/// green, blue, alpha (not premultiplied), the top row first.
namespace pointattn::view {

struct PictureOptions {
  std::string by;        ///< colouring; empty: each panel's first
  int64_t width = 1280;  ///< of the whole picture
  int64_t height = 960;
  double point_size = 0;  ///< diameter in pixels; 0 suits the cloud
  bool legend = true;     ///< false: the points alone, without legend, titles and margins
};

/// Width over height of the part of the picture that shows a panel, for fit().
double panel_aspect(const Scene& scene, const PictureOptions& options, int64_t views = 1);

/// The panels side by side with their titles and legends, on white, once for each camera (one, or
/// several views as a sheet). Throws c10::ValueError for a size that is not 64 to 16384 and without
/// a camera, c10::Error where text cannot be drawn (a build without Cairo).
at::Tensor draw_picture(const Scene& scene,
                        const std::vector<Camera>& cameras,
                        const PictureOptions& options);

/// Writes an image as PNG, whole or not at all.
void write_png(const std::filesystem::path& path, const at::Tensor& image);

}  // namespace pointattn::view
