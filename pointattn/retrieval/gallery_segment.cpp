// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/gallery_segment.h"

#include <ATen/ATen.h>

#include <bit>
#include <cstring>

namespace pointattn::retrieval {
namespace fs = std::filesystem;
namespace {

static_assert(std::endian::native == std::endian::little,
              "the format is little-endian; so is every supported machine");

void check_size(const RandomFile& file, int64_t expected) {
  TORCH_CHECK(file.size() == expected,
              file.path().string(),
              ": expected ",
              expected,
              " bytes as the manifest says, got ",
              file.size());
}

/// Whether all float16 numbers of these bytes are.
bool is_finite(std::string_view rows) {
  constexpr uint16_t kExponent = 0x7C00;
  for (size_t at = 0; at + 2 <= rows.size(); at += 2) {
    uint16_t bits = 0;
    std::memcpy(&bits, rows.data() + at, sizeof bits);
    if ((bits & kExponent) == kExponent) return false;
  }
  return true;
}

}  // namespace

SegmentWriter::SegmentWriter(const fs::path& folder, int64_t id)
    : folder_(folder), id_(id), rows_(rows_path(folder, id)), info_(info_path(folder, id)) {}

void SegmentWriter::add(std::string_view name, std::string_view rows, std::string_view info) {
  lines_.push_back({static_cast<uint64_t>(info_.size()),
                    static_cast<uint32_t>(info.size()),
                    checksum(info),
                    checksum(rows),
                    static_cast<uint32_t>(name.size())});
  names_ += name;
  rows_.write(rows);
  info_.write(info);
}

SegmentRecord SegmentWriter::finish() {
  std::string table(reinterpret_cast<const char*>(lines_.data()),
                    lines_.size() * sizeof(TableLine));
  table += names_;
  AppendFile file(table_path(folder_, id_));
  file.write(table);
  for (AppendFile* each : {&rows_, &info_, &file}) each->sync();
  SegmentRecord record;
  record.id = id_;
  record.entries = entries();
  record.info_bytes = info_.size();
  record.table_bytes = file.size();
  record.table_checksum = checksum(table);
  return record;
}

SegmentReader::SegmentReader(const fs::path& folder,
                             const Manifest& manifest,
                             const SegmentRecord& record)
    : parts_(manifest.identity.parts),
      width_(manifest.identity.width),
      row_bytes_(manifest.row_bytes()),
      rows_(rows_path(folder, record.id)),
      info_(info_path(folder, record.id)) {
  check_size(rows_, record.entries * row_bytes_);
  check_size(info_, record.info_bytes);
  read_table(table_path(folder, record.id), record);
  checked_ = std::make_unique<std::atomic<bool>[]>(lines_.size());
}

void SegmentReader::read_table(const fs::path& path, const SegmentRecord& record) {
  const RandomFile file(path);
  check_size(file, record.table_bytes);
  const auto entries = static_cast<size_t>(record.entries);
  const size_t lines = entries * sizeof(TableLine);
  const std::string table = file.read(0, record.table_bytes);
  TORCH_CHECK(checksum(table) == record.table_checksum,
              path.string(),
              ": damaged: the checksum of the table differs");
  TORCH_CHECK(lines <= table.size(), path.string(), ": too short for ", entries, " shapes");
  lines_.resize(entries);
  std::memcpy(lines_.data(), table.data(), lines);
  names_.reserve(entries);
  size_t at = lines;
  for (const TableLine& line : lines_) {
    const auto info = static_cast<uint64_t>(record.info_bytes);
    TORCH_CHECK(line.name_bytes > 0 && line.name_bytes <= table.size() - at &&
                    line.info_offset <= info && line.info_bytes <= info - line.info_offset,
                path.string(),
                ": damaged: shape ",
                names_.size(),
                " lies outside of its file");
    names_.emplace_back(table, at, line.name_bytes);
    at += line.name_bytes;
  }
  TORCH_CHECK(at == table.size(), path.string(), ": ", table.size() - at, " bytes too many");
}

void SegmentReader::read_rows(int64_t first, int64_t count, char* to) const {
  rows_.read(first * row_bytes_, to, count * row_bytes_);
  for (int64_t i = 0; i < count; ++i) {
    const auto slot = static_cast<size_t>(first + i);
    if (checked_[slot].load(std::memory_order_relaxed)) continue;
    const std::string_view rows(to + i * row_bytes_, static_cast<size_t>(row_bytes_));
    TORCH_CHECK(checksum(rows) == lines_[slot].rows_checksum,
                rows_.path().string(),
                ": damaged: the checksum of shape ",
                slot,
                " (byte ",
                (first + i) * row_bytes_,
                ") differs");
    TORCH_CHECK(is_finite(rows),
                rows_.path().string(),
                ": shape ",
                slot,
                " has numbers that are not finite");
    checked_[slot].store(true, std::memory_order_relaxed);
  }
}

at::Tensor SegmentReader::rows(int64_t first, int64_t count) const {
  at::Tensor rows = at::empty({count, parts_ + 1, width_}, at::kHalf);
  read_rows(first, count, static_cast<char*>(rows.mutable_data_ptr()));
  return rows.to(at::kFloat);
}

std::string SegmentReader::info(int64_t slot) const {
  const TableLine& line = lines_[static_cast<size_t>(slot)];
  std::string bytes = info_.read(static_cast<int64_t>(line.info_offset), line.info_bytes);
  TORCH_CHECK(checksum(bytes) == line.info_checksum,
              info_.path().string(),
              ": damaged: the checksum of shape ",
              slot,
              " (byte ",
              line.info_offset,
              ") differs");
  return bytes;
}

}  // namespace pointattn::retrieval
