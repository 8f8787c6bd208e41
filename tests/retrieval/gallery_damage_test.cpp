// SPDX-License-Identifier: Apache-2.0
// Galleries whose files are damaged, cut or made to lie.
#include "pointattn/core/files.h"
#include "pointattn/retrieval/gallery_files.h"
#include "pointattn/retrieval/gallery_index.h"
#include "pointattn/retrieval/search.h"
#include "tests/retrieval/galleries.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <random>

namespace pointattn::test {
namespace {

using retrieval::Gallery;
namespace fs = std::filesystem;
using Json = nlohmann::json;

void put(const fs::path& path, const std::string& bytes) {
  write_file(path, [&](std::ostream& out) { out << bytes; });
}

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() != "lock") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool is_one_line(const std::string& text) {
  return !text.empty() && text.find('\n') == std::string::npos;
}

/// Spoils each file in turn and expects one line that names it.
template <typename Spoil>
void expect_named(const fs::path& folder, const Spoil& spoil) {
  for (const fs::path& file : files_of(folder)) {
    const std::string whole = read_file(file);
    put(file, spoil(whole));
    const std::string message = message_of([&] { read_all(folder); });
    EXPECT_TRUE(is_one_line(message)) << file << ": '" << message << "'";
    EXPECT_NE(message.find(file.string()), std::string::npos) << message;
    put(file, whole);
  }
  EXPECT_EQ(message_of([&] { read_all(folder); }), "");
}

TEST(GalleryDamage, OnePerCentOfTheBytesOfEachFile) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 50);
  std::mt19937 random(7);
  for (int round = 0; round < 5; ++round) {
    expect_named(folder / "g", [&](std::string bytes) {
      const size_t spoilt = std::max<size_t>(1, bytes.size() / 100);
      for (size_t i = 0; i < spoilt; ++i) {
        char& byte = bytes[random() % bytes.size()];
        byte = static_cast<char>(byte ^ static_cast<char>(1 + random() % 255));
      }
      return bytes;
    });
  }
}

TEST(GalleryDamage, EverySingleByteOfASmallOne) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 1);
  for (const fs::path& file : files_of(folder / "g")) {
    const std::string whole = read_file(file);
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string spoilt = whole;
      spoilt[at] = static_cast<char>(spoilt[at] ^ 0x11);
      put(file, spoilt);
      EXPECT_TRUE(is_one_line(message_of([&] { read_all(folder / "g"); })))
          << file << " byte " << at;
    }
    put(file, whole);
  }
}

TEST(GalleryDamage, FilesThatAreCutLongerOrEmpty) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 20);
  expect_named(folder / "g",
               [](const std::string& bytes) { return bytes.substr(0, bytes.size() / 2); });
  expect_named(folder / "g", [](const std::string&) { return std::string(); });
  expect_named(folder / "g", [](const std::string& bytes) { return bytes + "more"; });
}

TEST(GalleryDamage, FilesThatAreGone) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 3);
  for (const fs::path& file : files_of(folder / "g")) {
    if (file.filename() == "manifest.json") continue;
    const std::string whole = read_file(file);
    fs::remove(file);
    const std::string message = message_of([&] { read_all(folder / "g"); });
    EXPECT_NE(message.find(file.string()), std::string::npos) << message;
    fs::create_directory(file);
    EXPECT_TRUE(is_one_line(message_of([&] { read_all(folder / "g"); })));
    fs::remove(file);
    put(file, whole);
  }
}

/// Writes a manifest that lies, with the checksum that belongs to it.
void put_manifest(const fs::path& folder, const Json& gallery) {
  const Json json = {{"pointattn_gallery", 1},
                     {"crc32", retrieval::checksum(gallery.dump())},
                     {"gallery", gallery}};
  put(folder / "manifest.json", json.dump());
}

TEST(GalleryDamage, AManifestThatLies) {
  const ScratchFolder folder;
  const fs::path g = folder / "g";
  build_gallery(g, 0, 3);
  const Json honest = Json::parse(read_file(g / "manifest.json")).at("gallery");
  put_manifest(g, honest);
  EXPECT_EQ(message_of([&] { read_all(g); }), "");
  const std::vector<Json> numbers = {-1,
                                     0,
                                     4,
                                     1e300,
                                     1.5,
                                     int64_t{1} << 31,
                                     int64_t{1} << 40,
                                     INT64_MAX,
                                     UINT64_MAX,
                                     "../../etc",
                                     "3",
                                     nullptr,
                                     true,
                                     Json::array(),
                                     Json::object()};
  const auto expect_refused = [&](const Json& lie) {
    put_manifest(g, lie);
    const std::string message = message_of([&] { read_all(g); });
    EXPECT_TRUE(is_one_line(message)) << lie.dump();
    EXPECT_NE(message.find(g.string()), std::string::npos) << message;
  };
  for (const Json& number : numbers) {
    for (const char* key : {"entries", "info_bytes", "table_bytes", "table_crc32", "id"}) {
      Json lie = honest;
      lie["segments"][0][key] = number;
      expect_refused(lie);
    }
    for (const char* key : {"parts", "width"}) {
      Json lie = honest;
      lie[key] = number;
      expect_refused(lie);
    }
  }
  for (const Json& value : {Json(nullptr), Json(3), Json("x"), Json({{"a", 1}})}) {
    Json lie = honest;
    lie["segments"] = value;
    expect_refused(lie);
    lie = honest;
    lie["model"] = Json::array();
    expect_refused(lie);
  }
  Json twice = honest;
  twice["segments"].push_back(honest["segments"][0]);
  expect_refused(twice);
  put(g / "manifest.json", std::string(100000, '['));
  EXPECT_TRUE(is_one_line(message_of([&] { read_all(g); })));
  put(g / "manifest.json", R"({"pointattn_gallery": 2, "gallery": {}, "crc32": 0})");
  EXPECT_NE(message_of([&] { read_all(g); }).find("expected gallery format 1, got 2"),
            std::string::npos);
}

/// Writes a table and the manifest that belongs to it.
void put_table(const fs::path& folder, const Json& honest, const std::string& table) {
  put(folder / "segment-000001.table", table);
  Json lie = honest;
  lie["segments"][0]["table_crc32"] = retrieval::checksum(table);
  put_manifest(folder, lie);
}

/// A table that lies, with the right checksums.
TEST(GalleryDamage, ATableThatLies) {
  const ScratchFolder folder;
  const fs::path g = folder / "g";
  build_gallery(g, 0, 3);
  const Json honest = Json::parse(read_file(g / "manifest.json")).at("gallery");
  const std::string whole = read_file(g / "segment-000001.table");
  std::mt19937 random(3);
  for (int round = 0; round < 500; ++round) {
    std::string bytes = whole;
    bytes[random() % (3 * 24)] = static_cast<char>(random());
    put_table(g, honest, bytes);
    const std::string message = message_of([&] { read_all(g); });
    EXPECT_TRUE(bytes == whole || is_one_line(message)) << round;
  }
}

/// The table with a checksum at this byte of its first line.
std::string with_sum(std::string table, ptrdiff_t byte, const std::string& of) {
  const uint32_t sum = retrieval::checksum(of);
  std::copy_n(reinterpret_cast<const char*>(&sum), sizeof sum, table.begin() + byte);
  return table;
}

/// Rows with the right checksums that are no numbers.
TEST(GalleryDamage, RowsThatAreNotFinite) {
  const ScratchFolder folder;
  const fs::path g = folder / "g";
  build_gallery(g, 0, 1);
  const Json honest = Json::parse(read_file(g / "manifest.json")).at("gallery");
  std::string rows = read_file(g / "segment-000001.rows");
  rows[5] = 0x7E;
  put(g / "segment-000001.rows", rows);
  put_table(g, honest, with_sum(read_file(g / "segment-000001.table"), 16, rows));
  const std::string message = message_of([&] { read_all(g); });
  EXPECT_NE(message.find("segment-000001.rows: shape 0 has numbers that are not finite"),
            std::string::npos)
      << message;
}

/// Descriptions that lie: whatever the bytes, one line or a shape, and no wild allocation.
TEST(GalleryDamage, ADescriptionThatLies) {
  const ScratchFolder folder;
  const fs::path g = folder / "g";
  build_gallery(g, 0, 1);
  const Json honest = Json::parse(read_file(g / "manifest.json")).at("gallery");
  const fs::path info = g / "segment-000001.info";
  const std::string whole_info = read_file(info);
  const std::string whole_table = read_file(g / "segment-000001.table");
  std::mt19937 random(5);
  int refused = 0;
  for (int round = 0; round < 500; ++round) {
    std::string bytes = whole_info;
    for (int i = 0; i < 3; ++i) bytes[random() % 60] = static_cast<char>(random());
    put(info, bytes);
    put_table(g, honest, with_sum(whole_table, 12, bytes));
    const std::string message = message_of([&] { read_all(g); });
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    refused += message.empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 100);
}

/// The index is no more than a help: without it the search looks at all shapes, and says why.
TEST(GalleryDamage, AnIndexThatIsDamagedIsDoneWithout) {
  if (!retrieval::candidates_available()) GTEST_SKIP() << "a build without FAISS";
  const ScratchFolder folder;
  const fs::path g = folder / "g";
  build_gallery(g, 0, retrieval::kMinIndexed);
  const at::Tensor phrases = shape_of(1234).parts;
  ASSERT_NE(Gallery(g).index(), nullptr);
  EXPECT_EQ(Gallery(g).why_no_index(), "");
  int index_files = 0;
  for (const fs::path& file : files_of(g)) {
    const std::string name = file.filename().string();
    if (name.find("code") == std::string::npos) continue;
    ++index_files;
    const std::string whole = read_file(file);
    std::string spoilt = whole;
    spoilt[spoilt.size() / 3] ^= 1;
    for (const std::string& bytes : {spoilt, whole.substr(0, 100), std::string()}) {
      put(file, bytes);
      const Gallery gallery(g);
      EXPECT_EQ(gallery.name(search(gallery, phrases, 1)[0].index), "shape 1234");
      EXPECT_NE(gallery.why_no_index().find(file.string()), std::string::npos)
          << gallery.why_no_index();
      EXPECT_EQ(gallery.index(), nullptr);
    }
    fs::remove(file);
    EXPECT_NE(Gallery(g).why_no_index().find(file.string()), std::string::npos);
    put(file, whole);
  }
  EXPECT_EQ(index_files, 2);
}

}  // namespace
}  // namespace pointattn::test
