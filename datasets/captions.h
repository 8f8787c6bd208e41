// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/train/captioned.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace pointattn::datasets {

/// Captioned shapes made of boxes: `captions` is a tab-separated table with the columns
/// partnet_anno_id and caption (a row a sentence), each of `cuboids` one for read_cuboids(). The
/// shapes stand in the order of their first caption. Throws c10::Error: faults of a file with path
/// and line, a shape of the captions without boxes by its id, an empty caption, no caption at all.
train::CaptionedShapesPtr open_captions(const std::filesystem::path& captions,
                                        const std::vector<std::filesystem::path>& cuboids);

/// Generated objects of all kinds in turn (make_shape() with indices from 0), each with up to
/// `captions` sentences by captions_of().
train::CaptionedShapesPtr generated_captions(int64_t shapes, int64_t captions, uint64_t seed);

/// The shapes of one list behind those of the other.
train::CaptionedShapesPtr join_captions(train::CaptionedShapesPtr first,
                                        train::CaptionedShapesPtr second);

}  // namespace pointattn::datasets
