// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/retrieval/gallery.h"

#include <filesystem>
#include <memory>

namespace pointattn::retrieval {

struct GalleryWriterOptions {
  bool index = true;  ///< make or extend the candidate index at commit(), where the build has FAISS
};

/// Builds a gallery or extends one. Shapes go to new files as they come, so that memory holds their
/// names and one shape; commit() then makes them part of the gallery by replacing one small file.
/// Until then, and when the process ends in between at whatever moment, the gallery is what it was;
/// files that such an end leaves behind are removed by the next writer.
///
/// A name that is in the gallery already, or comes twice, is replaced: the shape that was added
/// last counts. Small builds are merged as they pile up, so that a gallery of S shapes consists of
/// O(log S) groups of files.
class GalleryWriter {
 public:
  /// Takes the folder (made when absent) for this writer alone. Throws c10::Error of one line: when
  /// another writer holds it, at once; when its gallery was made by another network; when it is a
  /// folder of other files.
  GalleryWriter(const std::filesystem::path& folder,
                const GalleryIdentity& identity,
                const GalleryWriterOptions& options = {});
  /// Removes what was not committed.
  ~GalleryWriter();
  GalleryWriter(const GalleryWriter&) = delete;
  GalleryWriter& operator=(const GalleryWriter&) = delete;

  /// Throws c10::ValueError for a shape that does not fit the identity: an empty name, other sizes
  /// of `parts`, rows that are not finite or of length 0, part names or sketch parts of another
  /// number. Rows are scaled to unit length.
  void add(const GalleryEntry& entry);

  int64_t added() const;  ///< shapes since the last commit

  /// Makes the shapes that were added part of the gallery; returns its number of shapes. May be
  /// called again after further add().
  int64_t commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pointattn::retrieval
