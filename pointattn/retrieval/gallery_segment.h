// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/retrieval/gallery_files.h"
#include "pointattn/retrieval/gallery_manifest.h"

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pointattn::retrieval {

/// One line of a segment's table, as it lies on the disk.
struct TableLine {
  uint64_t info_offset;
  uint32_t info_bytes;
  uint32_t info_checksum;
  uint32_t rows_checksum;
  uint32_t name_bytes;  ///< names follow the lines, one behind another
};
static_assert(sizeof(TableLine) == 24);

/// The files of one segment, written front to back.
class SegmentWriter {
 public:
  SegmentWriter(const std::filesystem::path& folder, int64_t id);
  int64_t id() const { return id_; }
  int64_t entries() const { return static_cast<int64_t>(lines_.size()); }
  /// rows: the bytes of an entry in the file of rows; info: encode_info().
  void add(std::string_view name, std::string_view rows, std::string_view info);
  /// Writes the table and waits until all is on the disk.
  SegmentRecord finish();

 private:
  std::filesystem::path folder_;
  int64_t id_;
  AppendFile rows_;
  AppendFile info_;
  std::vector<TableLine> lines_;
  std::string names_;
};

/// The files of one segment, read by any number of threads. Errors name the file and the entry.
class SegmentReader {
 public:
  SegmentReader(const std::filesystem::path& folder,
                const Manifest& manifest,
                const SegmentRecord& record);
  int64_t entries() const { return static_cast<int64_t>(lines_.size()); }
  const std::string& name(int64_t slot) const { return names_[static_cast<size_t>(slot)]; }
  /// Rows of the entries first … first+count−1, checked where they are read for the first time.
  void read_rows(int64_t first, int64_t count, char* to) const;
  /// The same as float32 [count, parts+1, width].
  at::Tensor rows(int64_t first, int64_t count) const;
  std::string info(int64_t slot) const;

 private:
  void read_table(const std::filesystem::path& path, const SegmentRecord& record);

  int64_t parts_;
  int64_t width_;
  int64_t row_bytes_;
  RandomFile rows_;
  RandomFile info_;
  std::vector<TableLine> lines_;
  std::vector<std::string> names_;
  std::unique_ptr<std::atomic<bool>[]> checked_;
};

}  // namespace pointattn::retrieval
