// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <vector>

namespace pointattn::test {

/// A PNG file as uint8 [H,W,3] on white.
at::Tensor read_png(const std::filesystem::path& path);

/// The image [H,W,4] on white, as [H,W,3].
at::Tensor on_white(const at::Tensor& image);

/// Pixels of each colour, light or shaded, in an image [H,W,3]; the last number counts those of no
/// such colour that are not white.
std::vector<int64_t> count_colors(const at::Tensor& image, const std::vector<Color>& colors);

/// The corner (row, column) where `part` [h,w,3] lies in `whole` [H,W,3], to `tolerance` a channel;
/// (−1, −1) when it does not.
std::array<int64_t, 2> find_image(const at::Tensor& whole, const at::Tensor& part, int tolerance);

}  // namespace pointattn::test
