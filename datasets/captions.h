// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/train/captioned.h"

#include <filesystem>
#include <vector>

namespace pointattn::datasets {

/// Captioned shapes made of boxes: `captions` is a tab-separated table with the columns
/// partnet_anno_id and caption (a row a sentence), each of `cuboids` one for read_cuboids(). The
/// shapes stand in the order of their first caption. Throws c10::Error: faults of a file with path
/// and line, a shape of the captions without boxes by its id, an empty caption, no caption at all.
train::CaptionedShapesPtr open_captions(const std::filesystem::path& captions,
                                        const std::vector<std::filesystem::path>& cuboids);

}  // namespace pointattn::datasets
