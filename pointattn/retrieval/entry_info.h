// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/retrieval/gallery.h"

#include <string>
#include <string_view>

namespace pointattn::retrieval {

/// What a gallery keeps of a shape beside its name and embeddings, as bytes: part names, the sketch
/// in 16 bits a coordinate between its own bounds, the parts of its points, the thumbnail.
std::string encode_info(const GalleryEntry& entry);

/// Fills those fields of `entry`; `parts` part names are expected. Throws c10::Error that says what
/// is wrong with the bytes (without a file name); never allocates more than they justify.
void decode_info(std::string_view bytes, int64_t parts, GalleryEntry& entry);

}  // namespace pointattn::retrieval
