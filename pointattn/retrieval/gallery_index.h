// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/retrieval/candidates.h"
#include "pointattn/retrieval/gallery_segment.h"

#include <filesystem>
#include <memory>

namespace pointattn::retrieval {

/// Below this many shapes a search looks at all of them, which is as fast.
constexpr int64_t kMinIndexed = 4096;

/// Makes the files of the candidate index that the manifest lacks, and enters them: codes of new
/// segments, or the whole index when there is none yet, it is damaged, or the gallery has grown
/// fourfold since its centroids were learned. Holds a sample of the gallery in memory, then a
/// thousand shapes. Without FAISS, and for small galleries, it only leaves out what does not fit.
void update_index(const std::filesystem::path& folder, Manifest& manifest);

/// The files of an index, opened so that they can be read after a writer removed them.
class IndexFiles {
 public:
  IndexFiles(const std::filesystem::path& folder, const Manifest& manifest);

  /// Why there is nothing to load; "" when there is, or where none is needed.
  const std::string& why_not() const { return why_not_; }
  bool complete() const { return !codes_.empty(); }

  /// The centroids alone.
  std::unique_ptr<CandidateIndex> load_codebook(const Manifest& manifest) const;
  /// Codes of the segment at this place of the manifest, checked.
  std::string codes(const Manifest& manifest, size_t segment) const;

 private:
  std::string why_not_;
  std::unique_ptr<RandomFile> codebook_;
  std::vector<std::unique_ptr<RandomFile>> codes_;
};

}  // namespace pointattn::retrieval
