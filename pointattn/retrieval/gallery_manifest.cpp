// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/gallery_manifest.h"

#include "pointattn/core/files.h"
#include "pointattn/retrieval/gallery_files.h"

#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <regex>
#include <set>

namespace pointattn::retrieval {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;
constexpr uintmax_t kMaxManifest = 16 << 20;
constexpr int64_t kMaxEntries = int64_t{1} << 32;
constexpr int64_t kMaxBytes = int64_t{1} << 48;
constexpr int64_t kMaxParts = 255;  // a sketch names the part of a point in one byte
constexpr int64_t kMaxWidth = 1 << 16;

std::string numbered(const char* kind, int64_t id, const char* extension) {
  char name[64];
  std::snprintf(name, sizeof name, "%s-%06lld%s", kind, static_cast<long long>(id), extension);
  return name;
}

/// A whole number of the manifest between bounds.
int64_t number(const Json& json, const char* key, int64_t low, int64_t high) {
  const Json& value = json.at(key);
  const bool fits = value.is_number_integer() && value >= low && value <= high;
  TORCH_CHECK(fits, "'", key, "': expected ", low, " to ", high, ", got ", value.dump());
  return value.get<int64_t>();
}

uint32_t crc(const Json& json, const char* key) {
  return static_cast<uint32_t>(number(json, key, 0, 0xffffffff));
}

Json to_json(const Manifest& manifest) {
  const GalleryIdentity& identity = manifest.identity;
  const CodebookRecord& codebook = manifest.codebook;
  Json segments = Json::array();
  for (const SegmentRecord& segment : manifest.segments) {
    Json json = {{"id", segment.id},
                 {"entries", segment.entries},
                 {"info_bytes", segment.info_bytes},
                 {"table_bytes", segment.table_bytes},
                 {"table_crc32", segment.table_checksum}};
    if (segment.has_codes) json["codes_crc32"] = segment.codes_checksum;
    segments.push_back(std::move(json));
  }
  Json json = {{"model", identity.model},
               {"fingerprint", identity.fingerprint},
               {"parts", identity.parts},
               {"width", identity.width},
               {"next_id", manifest.next_id},
               {"segments", std::move(segments)}};
  if (codebook.id != 0) {
    json["codebook"] = {{"id", codebook.id},
                        {"part_lists", codebook.part_lists},
                        {"mean_lists", codebook.mean_lists},
                        {"code_bytes", codebook.code_bytes},
                        {"trained_on", codebook.trained_on},
                        {"crc32", codebook.checksum}};
  }
  return json;
}

CodebookRecord codebook_from(const Json& json, const Manifest& manifest) {
  CodebookRecord codebook;
  codebook.id = number(json, "id", 1, manifest.next_id - 1);
  codebook.part_lists = number(json, "part_lists", 1, 65536);
  codebook.mean_lists = number(json, "mean_lists", 1, 65536);
  codebook.code_bytes = number(json, "code_bytes", 1, manifest.identity.width);
  TORCH_CHECK(manifest.identity.width % codebook.code_bytes == 0,
              "'code_bytes': expected a divisor of ",
              manifest.identity.width,
              ", got ",
              codebook.code_bytes);
  codebook.trained_on = number(json, "trained_on", 1, kMaxEntries);
  codebook.checksum = crc(json, "crc32");
  return codebook;
}

Manifest manifest_from(const Json& json) {
  Manifest manifest;
  manifest.identity.model = json.at("model").get<std::string>();
  manifest.identity.fingerprint = json.at("fingerprint").get<std::string>();
  manifest.identity.parts = number(json, "parts", 1, kMaxParts);
  manifest.identity.width = number(json, "width", 1, kMaxWidth);
  manifest.next_id = number(json, "next_id", 1, kMaxEntries);
  if (json.contains("codebook")) manifest.codebook = codebook_from(json["codebook"], manifest);
  std::set<int64_t> ids;
  TORCH_CHECK(json.at("segments").is_array(), "'segments': expected a list");
  for (const Json& part : json.at("segments")) {
    SegmentRecord segment;
    segment.id = number(part, "id", 1, manifest.next_id - 1);
    TORCH_CHECK(ids.insert(segment.id).second, "segment ", segment.id, " is named twice");
    segment.entries = number(part, "entries", 1, kMaxEntries);
    segment.info_bytes = number(part, "info_bytes", 0, kMaxBytes);
    segment.table_bytes = number(part, "table_bytes", 0, kMaxBytes);
    segment.table_checksum = crc(part, "table_crc32");
    segment.has_codes = manifest.codebook.id != 0 && part.contains("codes_crc32");
    if (segment.has_codes) segment.codes_checksum = crc(part, "codes_crc32");
    manifest.segments.push_back(segment);
  }
  return manifest;
}

}  // namespace

fs::path rows_path(const fs::path& folder, int64_t segment) {
  return folder / numbered("segment", segment, ".rows");
}
fs::path info_path(const fs::path& folder, int64_t segment) {
  return folder / numbered("segment", segment, ".info");
}
fs::path table_path(const fs::path& folder, int64_t segment) {
  return folder / numbered("segment", segment, ".table");
}
fs::path codes_path(const fs::path& folder, int64_t segment, int64_t codebook) {
  return folder / (numbered("segment", segment, ".") + numbered("codes", codebook, ""));
}
fs::path codebook_path(const fs::path& folder, int64_t codebook) {
  return folder / numbered("codebook", codebook, ".index");
}

Manifest read_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifestName;
  std::error_code error;
  TORCH_CHECK(fs::exists(path, error),
              folder.string(),
              ": no gallery here (no ",
              kManifestName,
              "); pointattn embed makes one");
  const uintmax_t size = fs::file_size(path, error);
  TORCH_CHECK(!error && size <= kMaxManifest,
              path.string(),
              ": expected a gallery's manifest of at most ",
              kMaxManifest,
              " bytes");
  try {
    const Json json = Json::parse(read_file(path));
    const Json& format = json.at("pointattn_gallery");
    TORCH_CHECK(format == kFormat, "expected gallery format ", kFormat, ", got ", format.dump());
    const Json& gallery = json.at("gallery");
    TORCH_CHECK(crc(json, "crc32") == checksum(gallery.dump()), "damaged: the checksum differs");
    return manifest_from(gallery);
  } catch (const Json::exception& bad) {
    TORCH_CHECK(false, path.string(), ": not a gallery's manifest, or damaged: ", bad.what());
  } catch (const c10::Error& bad) {
    TORCH_CHECK(false, path.string(), ": ", bad.what_without_backtrace());
  }
}

void write_manifest(const fs::path& folder, const Manifest& manifest) {
  // Names of files need not be Unicode, JSON must.
  const Json gallery = Json::parse(
      to_json(manifest).dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace));
  const Json json = {
      {"pointattn_gallery", kFormat}, {"crc32", checksum(gallery.dump())}, {"gallery", gallery}};
  write_file(folder / kManifestName, [&](std::ostream& out) { out << json.dump(1) << '\n'; });
  sync_folder(folder);
}

void check_same_network(const fs::path& folder,
                        const GalleryIdentity& made,
                        const GalleryIdentity& wanted) {
  if (made.fingerprint == wanted.fingerprint && made.parts == wanted.parts &&
      made.width == wanted.width)
    return;
  TORCH_CHECK(made.model == wanted.model,
              "gallery ",
              folder.string(),
              " was made with the model ",
              made.model,
              ", not with ",
              wanted.model);
  TORCH_CHECK(false,
              "gallery ",
              folder.string(),
              " was made with another ",
              made.model,
              ": fingerprint ",
              made.fingerprint,
              " (",
              made.parts,
              " parts of width ",
              made.width,
              "), not ",
              wanted.fingerprint,
              " (",
              wanted.parts,
              " of ",
              wanted.width,
              ")");
}

bool is_gallery_file(const std::string& name) {
  static const std::regex own(
      R"(lock|manifest\.json|\.manifest\.part\d+\.json|codebook-\d{6,}\.index|)"
      R"(segment-\d{6,}\.(rows|info|table|codes-\d{6,}))");
  return std::regex_match(name, own);
}

void sweep(const fs::path& folder, const Manifest& manifest) {
  std::set<fs::path> keep = {folder / "lock", folder / kManifestName};
  for (const SegmentRecord& segment : manifest.segments) {
    keep.insert({rows_path(folder, segment.id),
                 info_path(folder, segment.id),
                 table_path(folder, segment.id)});
    if (segment.has_codes) keep.insert(codes_path(folder, segment.id, manifest.codebook.id));
  }
  if (manifest.codebook.id != 0) keep.insert(codebook_path(folder, manifest.codebook.id));
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path path = entry->path();
    std::error_code ignored;  // what cannot be removed does no harm
    if (is_gallery_file(path.filename().string()) && !keep.contains(path))
      fs::remove(path, ignored);
  }
}

}  // namespace pointattn::retrieval
