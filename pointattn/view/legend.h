// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/scene.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace pointattn::view {

struct LegendOptions {
  int64_t width = 0;   ///< pixels it may take; 0: as wide as its text. Longer names are shortened
                       ///< with an ellipsis
  int64_t height = 0;  ///< 0: as high as its entries. Entries that do not fit are counted in a last
                       ///< line "and 7 more"
  double text_size = 15;
  bool in_rows = false;  ///< entries beside one another where `width` allows, for the foot of a
                         ///< picture
};

/// The legend as an image, uint8 [H,W,4] with a transparent ground, as pictures and windows overlay
/// it: title, swatches with name and share, or the ramp with its numbers. Empty [0,0,4] for a legend
/// that explains nothing. Throws c10::Error where text cannot be drawn (a build without Cairo).
at::Tensor draw_legend(const Legend& legend, const LegendOptions& options = {});

}  // namespace pointattn::view
