// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/gallery.h"

#include "pointattn/retrieval/entry_info.h"
#include "pointattn/retrieval/gallery_index.h"
#include "pointattn/retrieval/gallery_segment.h"

#include <ATen/ATen.h>

#include <mutex>
#include <unordered_set>

namespace pointattn::retrieval {
namespace fs = std::filesystem;
namespace {

/// Where a shape lies.
struct Place {
  uint32_t segment;
  uint32_t slot;
};

}  // namespace

struct Gallery::Contents {
  explicit Contents(const fs::path& folder);
  void find_shapes();
  void load_index();
  const SegmentReader& reader(const Place& place) const { return *readers[place.segment]; }

  /// How many of the places behind `first` and before `end` follow each other in one file.
  int64_t run(const std::vector<Place>& wanted, size_t first) const;
  /// Rows [n,R+1,E], float32.
  at::Tensor rows(const std::vector<Place>& wanted) const;

  fs::path folder;
  Manifest manifest;
  std::vector<std::unique_ptr<SegmentReader>> readers;
  std::vector<Place> shapes;
  IndexFiles index_files;
  std::once_flag index_once;
  std::unique_ptr<CandidateIndex> index;
  std::string why_no_index;
};

Gallery::Contents::Contents(const fs::path& at)
    : folder(at), manifest(read_manifest(at)), index_files(at, manifest) {
  for (const SegmentRecord& record : manifest.segments)
    readers.push_back(std::make_unique<SegmentReader>(folder, manifest, record));
  find_shapes();
}

/// Of several shapes of one name the last one counts.
void Gallery::Contents::find_shapes() {
  std::unordered_set<std::string_view> seen;
  for (size_t segment = readers.size(); segment-- > 0;) {
    const SegmentReader& reader = *readers[segment];
    for (int64_t slot = reader.entries(); slot-- > 0;) {
      if (seen.insert(reader.name(slot)).second)
        shapes.push_back({static_cast<uint32_t>(segment), static_cast<uint32_t>(slot)});
    }
  }
  std::reverse(shapes.begin(), shapes.end());
}

void Gallery::Contents::load_index() {
  why_no_index = index_files.why_not();
  if (!index_files.complete()) return;
  try {
    std::unique_ptr<CandidateIndex> loaded = index_files.load_codebook(manifest);
    const auto size = static_cast<size_t>(manifest.entry_code_bytes());
    std::string codes;
    for (size_t i = 0; i < shapes.size(); ++i) {
      if (i == 0 || shapes[i].segment != shapes[i - 1].segment)
        codes = index_files.codes(manifest, shapes[i].segment);
      loaded->add(static_cast<int64_t>(i),
                  std::string_view(codes).substr(shapes[i].slot * size, size));
    }
    index = std::move(loaded);
  } catch (const c10::Error& error) {
    why_no_index = error.what_without_backtrace();
  }
}

int64_t Gallery::Contents::run(const std::vector<Place>& wanted, size_t first) const {
  size_t end = first + 1;
  while (end < wanted.size() && wanted[end].segment == wanted[first].segment &&
         wanted[end].slot == wanted[first].slot + (end - first))
    ++end;
  return static_cast<int64_t>(end - first);
}

at::Tensor Gallery::Contents::rows(const std::vector<Place>& wanted) const {
  at::Tensor rows = at::empty(
      {static_cast<int64_t>(wanted.size()), manifest.identity.parts + 1, manifest.identity.width},
      at::kHalf);
  char* to = static_cast<char*>(rows.mutable_data_ptr());
  for (size_t i = 0; i < wanted.size();) {
    const int64_t count = run(wanted, i);
    reader(wanted[i]).read_rows(wanted[i].slot, count, to);
    to += count * manifest.row_bytes();
    i += static_cast<size_t>(count);
  }
  return rows.to(at::kFloat);
}

namespace {

/// Opens the contents; when a writer replaced the gallery in between, its new state.
template <typename Contents>
std::unique_ptr<Contents> open_contents(const fs::path& folder) {
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    const int64_t before = read_manifest(folder).next_id;
    try {
      return std::make_unique<Contents>(folder);
    } catch (const c10::Error&) {
      if (attempt == kAttempts || read_manifest(folder).next_id == before) throw;
    }
  }
}

}  // namespace

Gallery::Gallery(const fs::path& folder) : contents_(open_contents<Contents>(folder)) {}
Gallery::~Gallery() = default;

const fs::path& Gallery::folder() const { return contents_->folder; }
const GalleryIdentity& Gallery::identity() const { return contents_->manifest.identity; }

void Gallery::expect(const GalleryIdentity& wanted) const {
  check_same_network(folder(), identity(), wanted);
}

int64_t Gallery::size() const { return static_cast<int64_t>(contents_->shapes.size()); }

namespace {

void check_range(int64_t first, int64_t n, int64_t size) {
  TORCH_CHECK_VALUE(first >= 0 && n >= 0 && first <= size && n <= size - first,
                    "gallery: expected shapes of 0 to ",
                    size,
                    ", got ",
                    n,
                    " from ",
                    first);
}

}  // namespace

const std::string& Gallery::name(int64_t index) const {
  check_range(index, 1, size());
  const Place& place = contents_->shapes[static_cast<size_t>(index)];
  return contents_->reader(place).name(place.slot);
}

GalleryEntry Gallery::entry(int64_t index) const {
  check_range(index, 1, size());
  const Place& place = contents_->shapes[static_cast<size_t>(index)];
  const SegmentReader& reader = contents_->reader(place);
  GalleryEntry entry;
  entry.name = reader.name(place.slot);
  entry.parts = parts(index, 1)[0];
  const std::string info = reader.info(place.slot);
  try {
    decode_info(info, identity().parts, entry);
  } catch (const c10::Error& error) {
    const int64_t segment = contents_->manifest.segments[place.segment].id;
    TORCH_CHECK(false,
                info_path(folder(), segment).string(),
                ": shape ",
                place.slot,
                ": ",
                error.what_without_backtrace());
  }
  return entry;
}

at::Tensor Gallery::parts(int64_t first, int64_t n) const {
  check_range(first, n, size());
  const auto begin = contents_->shapes.begin() + first;
  return contents_->rows({begin, begin + n}).narrow(1, 0, identity().parts);
}

at::Tensor Gallery::parts(const std::vector<int64_t>& index) const {
  std::vector<Place> places;
  places.reserve(index.size());
  for (const int64_t i : index) {
    check_range(i, 1, size());
    places.push_back(contents_->shapes[static_cast<size_t>(i)]);
  }
  return contents_->rows(places).narrow(1, 0, identity().parts);
}

at::Tensor Gallery::means(int64_t first, int64_t n) const {
  check_range(first, n, size());
  const auto begin = contents_->shapes.begin() + first;
  return contents_->rows({begin, begin + n}).select(1, identity().parts).contiguous();
}

const CandidateIndex* Gallery::index() const {
  std::call_once(contents_->index_once, [this] { contents_->load_index(); });
  return contents_->index.get();
}

const std::string& Gallery::why_no_index() const {
  (void)index();
  return contents_->why_no_index;
}

}  // namespace pointattn::retrieval
