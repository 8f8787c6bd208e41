// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/gallery.h"

#include "tests/retrieval/galleries.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <thread>

namespace pointattn::test {
namespace {

using retrieval::Gallery;
using retrieval::GalleryEntry;
using retrieval::GalleryIdentity;
using retrieval::GalleryWriter;
namespace fs = std::filesystem;

/// Every shape by name.
std::map<std::string, GalleryEntry> contents(const fs::path& folder) {
  const Gallery gallery(folder);
  std::map<std::string, GalleryEntry> all;
  for (int64_t i = 0; i < gallery.size(); ++i) {
    EXPECT_EQ(gallery.entry(i).name, gallery.name(i));
    EXPECT_TRUE(all.emplace(gallery.name(i), gallery.entry(i)).second) << gallery.name(i);
  }
  return all;
}

int files_in(const fs::path& folder) {
  return static_cast<int>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

at::Tensor unit(const at::Tensor& rows) { return rows / rows.norm(2, -1, true); }

TEST(Gallery, GivesBackWhatWasAdded) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 7);
  const Gallery gallery(folder / "g");
  EXPECT_EQ(gallery.size(), 7);
  EXPECT_EQ(gallery.identity().model, kIdentity.model);
  EXPECT_EQ(gallery.identity().fingerprint, kIdentity.fingerprint);
  EXPECT_EQ(gallery.identity().parts, kIdentity.parts);
  EXPECT_EQ(gallery.identity().width, kIdentity.width);
  for (int64_t i = 0; i < 7; ++i) {
    const GalleryEntry wanted = shape_of(i);
    const GalleryEntry got = gallery.entry(i);
    EXPECT_EQ(got.name, wanted.name);
    EXPECT_EQ(got.part_names, wanted.part_names);
    EXPECT_EQ(got.sketch_parts, wanted.sketch_parts);
    EXPECT_EQ(got.thumbnail, wanted.thumbnail);
    EXPECT_TRUE(got.parts.allclose(unit(wanted.parts), 0, 5e-4));
    const at::Tensor extent = wanted.sketch.amax(0) - wanted.sketch.amin(0);
    EXPECT_TRUE(((got.sketch - wanted.sketch).abs() <= extent * (0.51 / 65535)).all().item<bool>());
    const at::Tensor mean = unit(unit(wanted.parts).mean(0));
    EXPECT_TRUE(gallery.means(i, 1)[0].allclose(mean, 0, 1e-3));
    EXPECT_TRUE(gallery.parts(i, 1)[0].equal(got.parts));
  }
  EXPECT_TRUE(
      gallery.parts({5, 2}).equal(at::stack({gallery.parts(5, 1)[0], gallery.parts(2, 1)[0]})));
}

TEST(Gallery, AShapeMayComeWithoutSketchAndThumbnail) {
  const ScratchFolder folder;
  GalleryEntry bare = shape_of(1);
  bare.sketch = at::Tensor();
  bare.sketch_parts.clear();
  bare.thumbnail.clear();
  {
    GalleryWriter writer(folder / "g", kIdentity);
    writer.add(bare);
    EXPECT_EQ(writer.added(), 1);
    EXPECT_EQ(writer.commit(), 1);
  }
  const GalleryEntry got = Gallery(folder / "g").entry(0);
  EXPECT_FALSE(got.sketch.defined());
  EXPECT_TRUE(got.sketch_parts.empty());
  EXPECT_EQ(got.thumbnail, "");
}

TEST(Gallery, EmptyOnesAreGalleries) {
  const ScratchFolder folder;
  { EXPECT_EQ(GalleryWriter(folder / "g", kIdentity).commit(), 0); }
  EXPECT_EQ(Gallery(folder / "g").size(), 0);
  build_gallery(folder / "g", 0, 2);
  EXPECT_EQ(Gallery(folder / "g").size(), 2);
}

TEST(Gallery, GrowsAndReplacesByName) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 10);
  build_gallery(folder / "g", 10, 3);
  {
    GalleryWriter writer(folder / "g", kIdentity);
    for (const int64_t number : {90, 91}) {  // the same name twice: the second counts
      GalleryEntry other = shape_of(number);
      other.name = "shape 4";
      writer.add(other);
    }
    GalleryEntry other = shape_of(92);
    other.name = "shape 11";
    writer.add(other);
    EXPECT_EQ(writer.commit(), 13);
  }
  const auto all = contents(folder / "g");
  EXPECT_EQ(all.size(), 13U);
  for (const auto& [name, entry] : all) {
    int64_t number = std::stoll(name.substr(6));
    number = number == 4 ? 91 : number == 11 ? 92 : number;
    EXPECT_TRUE(entry.parts.allclose(unit(shape_of(number).parts), 0, 5e-4)) << name;
    EXPECT_EQ(entry.thumbnail, shape_of(number).thumbnail) << name;
  }
}

TEST(Gallery, ManySmallBuildsAreFewFiles) {
  const ScratchFolder folder;
  for (int64_t i = 0; i < 40; ++i) build_gallery(folder / "g", i, 1);
  EXPECT_EQ(contents(folder / "g").size(), 40U);
  EXPECT_LE(files_in(folder / "g"), 2 + 3 * 6);
  for (int64_t i = 0; i < 40; ++i) build_gallery(folder / "g", i, 1);
  EXPECT_EQ(contents(folder / "g").size(), 40U);
  build_gallery(folder / "g", 0, 40);
  EXPECT_EQ(files_in(folder / "g"), 2 + 3) << "what was replaced takes no room";
}

TEST(Gallery, AnOpenOneStaysWhatItWas) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 5);
  const Gallery old(folder / "g");
  const at::Tensor before = shape_of(3).parts;
  {
    GalleryWriter writer(folder / "g", kIdentity);
    for (int64_t i = 0; i < 5; ++i) {
      GalleryEntry other = shape_of(50 + i);
      other.name = shape_of(i).name;
      writer.add(other);
    }
    writer.commit();
  }
  EXPECT_EQ(old.size(), 5);
  EXPECT_TRUE(old.entry(3).parts.allclose(unit(before), 0, 5e-4));
  EXPECT_FALSE(Gallery(folder / "g").entry(3).parts.allclose(unit(before), 0, 5e-4));
}

TEST(Gallery, WhatIsNotCommittedIsNotThere) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 3);
  const int before = files_in(folder / "g");
  {
    GalleryWriter writer(folder / "g", kIdentity);
    writer.add(shape_of(8));
    EXPECT_GT(files_in(folder / "g"), before);
  }
  EXPECT_EQ(files_in(folder / "g"), before);
  EXPECT_EQ(contents(folder / "g").size(), 3U);
}

TEST(Gallery, ASecondWriterIsRefused) {
  const ScratchFolder folder;
  GalleryWriter first(folder / "g", kIdentity);
  first.add(shape_of(0));
  const std::string message = message_of([&] { GalleryWriter second(folder / "g", kIdentity); });
  EXPECT_EQ(message, "gallery " + (folder / "g").string() + ": another build is writing it");
  EXPECT_EQ(first.commit(), 1);
}

TEST(Gallery, AnotherNetworkIsRefused) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 2);
  GalleryIdentity other = kIdentity;
  other.model = "b.safetensors";
  other.fingerprint = "4567";
  for (const std::string& message : {message_of([&] { GalleryWriter writer(folder / "g", other); }),
                                     message_of([&] { Gallery(folder / "g").expect(other); })}) {
    EXPECT_NE(message.find("model a.safetensors, not with b.safetensors"), std::string::npos)
        << message;
  }
  other.model = kIdentity.model;
  const std::string message = message_of([&] { Gallery(folder / "g").expect(other); });
  EXPECT_NE(message.find("0123"), std::string::npos) << message;
  EXPECT_NE(message.find("4567"), std::string::npos) << message;
  other = kIdentity;
  other.model = "renamed.safetensors";
  EXPECT_EQ(message_of([&] { Gallery(folder / "g").expect(other); }), "");
}

TEST(Gallery, OtherFoldersAreLeftAlone) {
  const ScratchFolder folder;
  std::ofstream(folder / "letter.txt") << "dear";
  const std::string message = message_of([&] { GalleryWriter(folder.path(), kIdentity); });
  EXPECT_NE(message.find("expected a gallery or an empty folder, it holds letter.txt"),
            std::string::npos)
      << message;
  EXPECT_NE(message_of([&] { GalleryWriter(folder / "letter.txt", kIdentity); }), "");
  EXPECT_NE(message_of([&] { Gallery gallery(folder.path()); }).find("no gallery here"),
            std::string::npos);
  EXPECT_NE(message_of([&] { Gallery gallery(folder / "none"); }).find("no gallery here"),
            std::string::npos);
  build_gallery(folder / "g", 0, 2);
  std::ofstream(folder / "g" / "notes.txt") << "mine";
  build_gallery(folder / "g", 2, 2);
  EXPECT_TRUE(fs::exists(folder / "g" / "notes.txt"));
}

TEST(Gallery, ShapesThatDoNotFitAreRefused) {
  const ScratchFolder folder;
  GalleryWriter writer(folder / "g", kIdentity);
  const auto refused = [&](const std::function<void(GalleryEntry&)>& spoil) {
    GalleryEntry entry = shape_of(0);
    spoil(entry);
    EXPECT_THROW(writer.add(entry), c10::ValueError);
  };
  refused([](GalleryEntry& e) { e.name.clear(); });
  refused([](GalleryEntry& e) { e.name.assign(70000, 'x'); });
  refused([](GalleryEntry& e) { e.parts = at::ones({2, 8}); });
  refused([](GalleryEntry& e) { e.parts[1] = 0; });
  refused([](GalleryEntry& e) { e.parts[1][3] = std::nan(""); });
  refused([](GalleryEntry& e) { e.part_names.pop_back(); });
  refused([](GalleryEntry& e) { e.sketch_parts.pop_back(); });
  refused([](GalleryEntry& e) { e.sketch_parts[0] = 3; });
  refused([](GalleryEntry& e) { e.sketch[0][0] = INFINITY; });
  EXPECT_EQ(writer.added(), 0);
  EXPECT_THROW(GalleryWriter(folder / "h", {"m", "f", 0, 8}), c10::ValueError);
  EXPECT_THROW(GalleryWriter(folder / "h", {"m", "f", 256, 8}), c10::ValueError);
  const Gallery none = [&] {
    writer.commit();
    return Gallery(folder / "g");
  }();
  EXPECT_THROW((void)none.entry(0), c10::ValueError);
  EXPECT_THROW((void)none.name(-1), c10::ValueError);
  EXPECT_THROW((void)none.parts(0, 1), c10::ValueError);
}

TEST(Gallery, ManyThreadsReadOne) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 200);
  const Gallery gallery(folder / "g");
  const at::Tensor all = Gallery(folder / "g").parts(0, 200);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int64_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int64_t i = t; i < 200; ++i) {
        const GalleryEntry entry = gallery.entry(i);
        if (!entry.parts.equal(all[i]) || entry.name != shape_of(i).name) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace pointattn::test
