// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

/// Text–shape retrieval. A gallery is a folder of shapes as the network sees them: one embedding a
/// part, their mean, a name, and what it takes to draw them. Letters: S shapes, R parts of a shape,
/// E embedding width, n points of a sketch.
namespace pointattn::retrieval {

/// One shape of a gallery.
struct GalleryEntry {
  std::string name;                     ///< what the user sees: the file as it was given
  at::Tensor parts;                     ///< float32 [R,E], unit rows
  std::vector<std::string> part_names;  ///< R; "" where a part has no name
  at::Tensor sketch;                    ///< float32 [n,3], a few hundred points; may be undefined
  std::vector<uint8_t> sketch_parts;    ///< n: the row of `parts` that each point belongs to most
  std::string thumbnail;                ///< PNG, may be empty
};

/// Which network made the embeddings. Embeddings of two networks cannot be compared.
struct GalleryIdentity {
  std::string model;        ///< name of the weights, e.g. "retrieval.safetensors"
  std::string fingerprint;  ///< of the weights themselves; this is what is compared
  int64_t parts = 0;        ///< R
  int64_t width = 0;        ///< E
};

class CandidateIndex;

/// A gallery that is read. Opening reads and checks the manifest and the tables of names; rows and
/// drawings are read, and checked, when they are asked for. What an open gallery holds does not
/// change when a writer replaces it on disk. Any number of threads may read one Gallery at a time.
///
/// Every error is a c10::Error of one line with the file and the place in it.
class Gallery {
 public:
  /// Throws for a folder that holds no gallery, a manifest or table that is damaged, files that are
  /// missing or of another size than the manifest says.
  explicit Gallery(const std::filesystem::path& folder);
  ~Gallery();
  Gallery(const Gallery&) = delete;
  Gallery& operator=(const Gallery&) = delete;

  const std::filesystem::path& folder() const;
  const GalleryIdentity& identity() const;

  /// Throws, with both names (or both fingerprints, where the names agree), when the gallery was
  /// made by another network than `wanted`.
  void expect(const GalleryIdentity& wanted) const;

  int64_t size() const;  ///< S

  /// Name of a shape, 0 <= index < size(). The order is that of the files, not of the names.
  const std::string& name(int64_t index) const;

  /// A shape with everything. Embeddings and sketch have the precision of the disk: float16, and
  /// 1/65535 of the sketch's extent.
  GalleryEntry entry(int64_t index) const;

  /// Part embeddings float32 [n,R,E] of the shapes first … first+n−1, or of those in `index`
  /// (fastest in rising order), of the precision of the disk. A shape's rows are checked against their checksum when this Gallery
  /// first reads them.
  at::Tensor parts(int64_t first, int64_t n) const;
  at::Tensor parts(const std::vector<int64_t>& index) const;

  /// Mean embeddings float32 [n,E]: the normalised means of the unit rows.
  at::Tensor means(int64_t first, int64_t n) const;

  /// The index that finds candidates, read on first use; nullptr when this gallery is searched
  /// whole, and then `why_no_index` tells why ("" for a gallery so small that it needs none).
  const CandidateIndex* index() const;
  const std::string& why_no_index() const;

 private:
  struct Contents;
  std::unique_ptr<Contents> contents_;
};

}  // namespace pointattn::retrieval
