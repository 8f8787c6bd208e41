// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/gallery_index.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace pointattn::retrieval {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kRowsPerList = 800;
constexpr int64_t kTrainRowsPerList = 64;
constexpr int64_t kMinTrainRows = 16384;
constexpr int64_t kBlock = 1024;  // shapes in memory at a time
constexpr int64_t kRun = 8;       // neighbours that are sampled together: one read

using Readers = std::vector<std::unique_ptr<SegmentReader>>;

int64_t shapes_of(const Manifest& manifest) {
  int64_t shapes = 0;
  for (const SegmentRecord& segment : manifest.segments) shapes += segment.entries;
  return shapes;
}

/// Bytes of a code: the largest divisor of the width up to 32, so that pieces are of one size.
int64_t code_bytes_for(int64_t width) {
  int64_t bytes = std::min<int64_t>(width, 32);
  while (width % bytes != 0) --bytes;
  return bytes;
}

CodebookRecord plan_codebook(const Manifest& manifest, int64_t id) {
  CodebookRecord codebook;
  codebook.id = id;
  codebook.trained_on = shapes_of(manifest);
  const auto lists = [](int64_t rows) {
    return std::clamp<int64_t>(rows / kRowsPerList, 16, 4096);
  };
  codebook.part_lists = lists(codebook.trained_on * manifest.identity.parts);
  codebook.mean_lists = lists(codebook.trained_on);
  codebook.code_bytes = code_bytes_for(manifest.identity.width);
  return codebook;
}

/// Rows [n,R+1,E] of about `wanted` shapes, evenly from all segments.
at::Tensor sample_rows(const Readers& readers, int64_t shapes, int64_t wanted) {
  const int64_t stride = std::max<int64_t>(kRun, kRun * shapes / std::max<int64_t>(wanted, 1));
  std::vector<at::Tensor> runs;
  for (const auto& reader : readers) {
    for (int64_t first = 0; first < reader->entries(); first += stride)
      runs.push_back(reader->rows(first, std::min(kRun, reader->entries() - first)));
  }
  return at::cat(runs);
}

std::unique_ptr<CandidateIndex> train(const Manifest& manifest, const Readers& readers) {
  const auto rows_for = [](int64_t lists) {
    return std::max(kMinTrainRows, lists * kTrainRowsPerList);
  };
  const int64_t shapes = shapes_of(manifest);
  const int64_t R = manifest.identity.parts;
  const at::Tensor means =
      sample_rows(readers, shapes, rows_for(manifest.codebook.mean_lists)).select(1, R).clone();
  const at::Tensor parts = sample_rows(readers, shapes, rows_for(manifest.codebook.part_lists) / R)
                               .narrow(1, 0, R)
                               .reshape({-1, manifest.identity.width});
  return train_candidates(manifest, parts, means);
}

void write_codes(const fs::path& folder,
                 const Manifest& manifest,
                 const CandidateIndex& index,
                 const SegmentReader& reader,
                 SegmentRecord& record) {
  AppendFile file(codes_path(folder, record.id, manifest.codebook.id));
  Checksum sum;
  for (int64_t first = 0; first < reader.entries(); first += kBlock) {
    const int64_t count = std::min(kBlock, reader.entries() - first);
    const std::string codes = index.encode(reader.rows(first, count));
    sum.add(codes);
    file.write(codes);
  }
  file.sync();
  record.has_codes = true;
  record.codes_checksum = sum.value();
}

void drop_index(Manifest& manifest) {
  manifest.codebook = {};
  for (SegmentRecord& segment : manifest.segments) segment.has_codes = false;
}

/// The codebook in use, when it still suits the gallery.
std::unique_ptr<CandidateIndex> usable_codebook(const fs::path& folder, const Manifest& manifest) {
  const CodebookRecord& codebook = manifest.codebook;
  if (codebook.id == 0 || shapes_of(manifest) > 4 * codebook.trained_on) return nullptr;
  try {
    return IndexFiles(folder, manifest).load_codebook(manifest);
  } catch (const c10::Error&) {
    return nullptr;  // damaged or gone: made anew, which is what the caller wants anyway
  }
}

}  // namespace

void update_index(const fs::path& folder, Manifest& manifest) {
  if (shapes_of(manifest) < kMinIndexed) return drop_index(manifest);
  if (!candidates_available()) return;
  Readers readers;
  for (const SegmentRecord& record : manifest.segments)
    readers.push_back(std::make_unique<SegmentReader>(folder, manifest, record));
  std::unique_ptr<CandidateIndex> index = usable_codebook(folder, manifest);
  if (!index) {
    drop_index(manifest);
    manifest.codebook = plan_codebook(manifest, manifest.next_id++);
    index = train(manifest, readers);
    const std::string bytes = index->codebook();
    AppendFile file(codebook_path(folder, manifest.codebook.id));
    file.write(bytes);
    file.sync();
    manifest.codebook.checksum = checksum(bytes);
  }
  for (size_t i = 0; i < readers.size(); ++i) {
    SegmentRecord& record = manifest.segments[i];
    if (!record.has_codes) write_codes(folder, manifest, *index, *readers[i], record);
  }
}

IndexFiles::IndexFiles(const fs::path& folder, const Manifest& manifest) {
  const auto& segments = manifest.segments;
  if (shapes_of(manifest) < kMinIndexed) return;
  if (!candidates_available()) {
    why_not_ = "this build is without FAISS";
  } else if (manifest.codebook.id == 0) {
    why_not_ = folder.string() + " has no candidate index; the next pointattn embed makes it";
  } else if (!std::all_of(segments.begin(), segments.end(), [](const SegmentRecord& segment) {
               return segment.has_codes;
             })) {
    why_not_ = folder.string() +
               ": the candidate index lacks shapes that a build without FAISS added; the next "
               "pointattn embed completes it";
  }
  try {
    if (manifest.codebook.id == 0 || !candidates_available()) return;
    const int64_t id = manifest.codebook.id;
    codebook_ = std::make_unique<RandomFile>(codebook_path(folder, id));
    if (!why_not_.empty()) return;
    for (const SegmentRecord& segment : segments)
      codes_.push_back(std::make_unique<RandomFile>(codes_path(folder, segment.id, id)));
  } catch (const c10::Error& error) {
    why_not_ = error.what_without_backtrace();
    codes_.clear();
  }
}

std::unique_ptr<CandidateIndex> IndexFiles::load_codebook(const Manifest& manifest) const {
  TORCH_CHECK(codebook_, why_not_);
  const std::string path = codebook_->path().string();
  const int64_t expected = codebook_bytes(manifest.identity.width, manifest.codebook.part_lists) +
                           codebook_bytes(manifest.identity.width, manifest.codebook.mean_lists);
  TORCH_CHECK(codebook_->size() == expected,
              path,
              ": expected ",
              expected,
              " bytes, got ",
              codebook_->size());
  const std::string bytes = codebook_->read(0, expected);
  TORCH_CHECK(
      checksum(bytes) == manifest.codebook.checksum, path, ": damaged: the checksum differs");
  return load_candidates(manifest, bytes);
}

std::string IndexFiles::codes(const Manifest& manifest, size_t segment) const {
  const RandomFile& file = *codes_.at(segment);
  const SegmentRecord& record = manifest.segments[segment];
  const int64_t expected = record.entries * manifest.entry_code_bytes();
  TORCH_CHECK(file.size() == expected,
              file.path().string(),
              ": expected ",
              expected,
              " bytes, got ",
              file.size());
  std::string codes = file.read(0, expected);
  TORCH_CHECK(checksum(codes) == record.codes_checksum,
              file.path().string(),
              ": damaged: the checksum differs");
  return codes;
}

}  // namespace pointattn::retrieval
