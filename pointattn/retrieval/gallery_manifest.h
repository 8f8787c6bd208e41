// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/retrieval/gallery.h"

#include <filesystem>
#include <string>
#include <vector>

/// What lies in a gallery's folder:
///
///   manifest.json        which of the other files count; replaced atomically, with a checksum of
///                        its own. Files are named by number, so that it cannot point elsewhere
///   segment-N.rows       float16, entry behind entry: R part rows and their mean
///   segment-N.info       entry behind entry: part names, sketch, thumbnail (entry_info.h)
///   segment-N.table      per entry place, size and checksum of its info, checksum of its rows, and
///                        its name; the manifest holds the checksum of the table
///   codebook-C.index     centroids of the candidate index
///   segment-N.codes-C    per entry its codes in that codebook
///   lock                 held by the writer
///
/// The manifest, the tables and the index are checked whole when they are read, rows and info
/// entry by entry when they are first used: a search reads nothing twice.
namespace pointattn::retrieval {

struct SegmentRecord {
  int64_t id = 0;
  int64_t entries = 0;
  int64_t info_bytes = 0;
  int64_t table_bytes = 0;
  uint32_t table_checksum = 0;
  bool has_codes = false;  ///< in the codebook that the manifest names
  uint32_t codes_checksum = 0;
};

struct CodebookRecord {
  int64_t id = 0;  ///< 0: there is none
  int64_t part_lists = 0;
  int64_t mean_lists = 0;
  int64_t code_bytes = 0;  ///< of one row
  int64_t trained_on = 0;  ///< shapes of the gallery at that time
  uint32_t checksum = 0;
};

struct Manifest {
  GalleryIdentity identity;
  int64_t next_id = 1;  ///< of segments and codebooks; never used twice
  std::vector<SegmentRecord> segments;
  CodebookRecord codebook;

  int64_t row_bytes() const { return (identity.parts + 1) * identity.width * 2; }  ///< per entry
  /// Codes of an entry: per row its list (uint16), then per row its code.
  int64_t entry_code_bytes() const { return (identity.parts + 1) * (2 + codebook.code_bytes); }
};

constexpr const char* kManifestName = "manifest.json";

std::filesystem::path rows_path(const std::filesystem::path& folder, int64_t segment);
std::filesystem::path info_path(const std::filesystem::path& folder, int64_t segment);
std::filesystem::path table_path(const std::filesystem::path& folder, int64_t segment);
std::filesystem::path codes_path(const std::filesystem::path& folder,
                                 int64_t segment,
                                 int64_t codebook);
std::filesystem::path codebook_path(const std::filesystem::path& folder, int64_t codebook);

/// Throws c10::Error with the path for anything that is not a manifest of this format, is damaged,
/// or counts what cannot be.
Manifest read_manifest(const std::filesystem::path& folder);

/// Replaces the manifest and waits until it is on the disk.
void write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

/// Throws when the identities are those of different networks (Gallery::expect).
void check_same_network(const std::filesystem::path& folder,
                        const GalleryIdentity& made,
                        const GalleryIdentity& wanted);

/// Whether a file of this name belongs to galleries. Others are never touched.
bool is_gallery_file(const std::string& name);

/// Removes the gallery files of the folder that the manifest does not name.
void sweep(const std::filesystem::path& folder, const Manifest& manifest);

}  // namespace pointattn::retrieval
