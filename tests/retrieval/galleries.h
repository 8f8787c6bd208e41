// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/retrieval/gallery_writer.h"

#include <filesystem>
#include <string>

namespace pointattn::test {

inline const retrieval::GalleryIdentity kIdentity{"a.safetensors", "0123", 3, 8};

/// A shape that follows from its number: parts, names, a sketch of 20 points and a thumbnail.
retrieval::GalleryEntry shape_of(int64_t number,
                                 const retrieval::GalleryIdentity& identity = kIdentity);

/// Adds the shapes first … first+count−1 under the names "shape <number>" and commits.
void build_gallery(const std::filesystem::path& folder,
                   int64_t first,
                   int64_t count,
                   const retrieval::GalleryIdentity& identity = kIdentity);

/// Reads everything of a gallery; throws what reading throws.
void read_all(const std::filesystem::path& folder);

/// The message of what `work` throws; "" when it throws nothing.
template <typename Work>
std::string message_of(const Work& work) {
  try {
    work();
    return "";
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
}

}  // namespace pointattn::test
