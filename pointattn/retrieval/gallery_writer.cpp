// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/gallery_writer.h"

#include "pointattn/core/check.h"
#include "pointattn/retrieval/entry_info.h"
#include "pointattn/retrieval/gallery_index.h"
#include "pointattn/retrieval/gallery_segment.h"

#include <ATen/ATen.h>

#include <optional>
#include <unordered_map>

namespace pointattn::retrieval {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMaxName = 1 << 16;

/// Where the shape of a name lies.
struct Place {
  int64_t segment;
  int64_t slot;
  bool operator==(const Place&) const = default;
};

/// Makes the folder, or takes one that is empty or a gallery's.
const fs::path& prepared(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  TORCH_CHECK(fs::is_directory(folder),
              "cannot make the gallery ",
              folder.string(),
              ": ",
              error ? error.message() : "a file of this name is there");
  if (fs::exists(folder / kManifestName)) return folder;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    TORCH_CHECK(is_gallery_file(entry->path().filename().string()),
                folder.string(),
                ": expected a gallery or an empty folder, it holds ",
                entry->path().filename().string());
  }
  return folder;
}

const GalleryIdentity& checked(const GalleryIdentity& identity) {
  TORCH_CHECK_VALUE(identity.parts >= 1 && identity.parts <= 255 && identity.width >= 1 &&
                        identity.width <= 65536,
                    "gallery: expected 1 to 255 parts of width 1 to 65536, got ",
                    identity.parts,
                    " of ",
                    identity.width);
  return identity;
}

void check_entry(const GalleryEntry& entry, const GalleryIdentity& identity) {
  TORCH_CHECK_VALUE(!entry.name.empty() && entry.name.size() < kMaxName,
                    "gallery: expected a name of 1 to ",
                    kMaxName - 1,
                    " bytes, got ",
                    entry.name.size());
  ShapeCheck check("gallery");
  check(entry.parts, "parts", {identity.parts, identity.width});
  TORCH_CHECK_VALUE(static_cast<int64_t>(entry.part_names.size()) == identity.parts,
                    "gallery: expected ",
                    identity.parts,
                    " part names, got ",
                    entry.part_names.size());
  for (const std::string& name : entry.part_names)
    TORCH_CHECK_VALUE(name.size() < kMaxName, "gallery: a part name of ", name.size(), " bytes");
  const int64_t points = entry.sketch.defined() ? entry.sketch.size(0) : 0;
  if (entry.sketch.defined()) {
    check(entry.sketch, "sketch", {"n", 3});
    check_finite("gallery", entry.sketch, "sketch");
  }
  TORCH_CHECK_VALUE(static_cast<int64_t>(entry.sketch_parts.size()) == points,
                    "gallery: expected the parts of ",
                    points,
                    " points, got ",
                    entry.sketch_parts.size());
  for (const uint8_t part : entry.sketch_parts) {
    TORCH_CHECK_VALUE(part < identity.parts,
                      "gallery: a point of part ",
                      static_cast<int>(part),
                      " of ",
                      identity.parts);
  }
}

/// Unit rows and their normalised mean [R+1,E] as they lie on the disk.
std::string encode_rows(const at::Tensor& parts) {
  const at::Tensor rows = parts.detach().to(at::kCPU, at::kFloat);
  const at::Tensor length = rows.norm(2, 1, /*keepdim=*/true);
  TORCH_CHECK_VALUE(length.isfinite().all().item<bool>() && (length > 0).all().item<bool>(),
                    "gallery: expected part rows that are finite and not 0");
  const at::Tensor unit = rows / length;
  const at::Tensor mean = unit.mean(0, /*keepdim=*/true);
  const at::Tensor all =
      at::cat({unit, mean / mean.norm().clamp_min(1e-12)}).to(at::kHalf).contiguous();
  return {static_cast<const char*>(all.const_data_ptr()), all.nbytes()};
}

}  // namespace

struct GalleryWriter::State {
  State(const fs::path& at, const GalleryIdentity& identity, const GalleryWriterOptions& wanted)
      : folder(prepared(at)), lock(folder), options(wanted) {
    if (fs::exists(folder / kManifestName)) {
      manifest = read_manifest(folder);
      check_same_network(folder, manifest.identity, identity);
    }
    manifest.identity = identity;
    sweep(folder, manifest);
    for (const SegmentRecord& record : manifest.segments) {
      const SegmentReader reader(folder, manifest, record);
      for (int64_t slot = 0; slot < reader.entries(); ++slot)
        places[reader.name(slot)] = {record.id, slot};
    }
  }

  void add(const std::string& name, std::string_view rows, std::string_view info) {
    places[name] = {open->id(), open->entries()};
    open->add(name, rows, info);
  }
  std::vector<int64_t> living(const SegmentReader& reader, int64_t segment) const;
  void absorb(const SegmentReader& reader, const std::vector<int64_t>& slots);
  std::vector<SegmentRecord> kept_segments();

  fs::path folder;
  FolderLock lock;
  GalleryWriterOptions options;
  Manifest manifest;  ///< as on the disk
  std::unordered_map<std::string, Place> places;
  std::optional<SegmentWriter> open;
};

/// Slots of a segment whose names have not been added again since.
std::vector<int64_t> GalleryWriter::State::living(const SegmentReader& reader,
                                                  int64_t segment) const {
  std::vector<int64_t> slots;
  for (int64_t slot = 0; slot < reader.entries(); ++slot) {
    if (places.at(reader.name(slot)) == Place{segment, slot}) slots.push_back(slot);
  }
  return slots;
}

/// Copies shapes of an older segment into the open one.
void GalleryWriter::State::absorb(const SegmentReader& reader, const std::vector<int64_t>& slots) {
  std::string rows(static_cast<size_t>(manifest.row_bytes()), '\0');
  for (const int64_t slot : slots) {
    reader.read_rows(slot, 1, rows.data());
    add(reader.name(slot), rows, reader.info(slot));
  }
}

/// The older segments that stay. Those no larger than the new one go into it, as carries do in
/// counting, so that sizes fall by halves; so do those that are mostly replaced.
std::vector<SegmentRecord> GalleryWriter::State::kept_segments() {
  std::vector<SegmentRecord> kept;
  for (size_t i = manifest.segments.size(); i-- > 0;) {
    const SegmentRecord& record = manifest.segments[i];
    const SegmentReader reader(folder, manifest, record);
    const std::vector<int64_t> slots = living(reader, record.id);
    const auto alive = static_cast<int64_t>(slots.size());
    if (alive > open->entries() && 2 * alive >= record.entries) {
      kept.insert(kept.begin(), record);
    } else {
      absorb(reader, slots);
    }
  }
  return kept;
}

GalleryWriter::GalleryWriter(const fs::path& folder,
                             const GalleryIdentity& identity,
                             const GalleryWriterOptions& options)
    : state_(std::make_unique<State>(folder, checked(identity), options)) {}

GalleryWriter::~GalleryWriter() {
  state_->open.reset();
  sweep(state_->folder, state_->manifest);
}

void GalleryWriter::add(const GalleryEntry& entry) {
  check_entry(entry, state_->manifest.identity);
  const std::string rows = encode_rows(entry.parts);
  if (!state_->open) state_->open.emplace(state_->folder, state_->manifest.next_id);
  state_->add(entry.name, rows, encode_info(entry));
}

int64_t GalleryWriter::added() const { return state_->open ? state_->open->entries() : 0; }

int64_t GalleryWriter::commit() {
  State& state = *state_;
  Manifest next = state.manifest;
  if (state.open) {
    next.next_id = state.open->id() + 1;
    next.segments = state.kept_segments();
    next.segments.push_back(state.open->finish());
    state.open.reset();
  }
  if (state.options.index) update_index(state.folder, next);
  sync_folder(state.folder);
  write_manifest(state.folder, next);
  state.manifest = next;
  sweep(state.folder, state.manifest);
  return static_cast<int64_t>(state.places.size());
}

}  // namespace pointattn::retrieval
