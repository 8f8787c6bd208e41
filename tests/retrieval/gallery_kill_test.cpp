// SPDX-License-Identifier: Apache-2.0
// Builds that end in the middle, by SIGKILL, in a process of their own.
#include "tests/retrieval/galleries.h"
#include "tests/support/data.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

namespace pointattn::test {
namespace {

using retrieval::Gallery;
using retrieval::GalleryWriter;
namespace fs = std::filesystem;

/// Runs `work` in a process of its own; whether that was killed, by itself or, when it is given, so
/// many microseconds after its start.
bool killed(const std::function<void()>& work, std::optional<useconds_t> after = std::nullopt) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  if (after) {
    ::usleep(*after);
    ::kill(child, SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

std::set<std::string> names(const fs::path& folder) {
  const Gallery gallery(folder);
  std::set<std::string> all;
  for (int64_t i = 0; i < gallery.size(); ++i) all.insert(gallery.entry(i).name);
  return all;
}

bool only_what_counts(const fs::path& folder) {
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder))
    files.insert(entry.path().filename().string());
  { GalleryWriter sweep(folder, kIdentity); }
  size_t left = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    left += files.count(entry.path().filename().string());
  return left == files.size();
}

TEST(GalleryKilled, BeforeTheCommitNothingChanges) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 5);
  EXPECT_TRUE(killed([&] {
    GalleryWriter writer(folder / "g", kIdentity);
    for (int64_t i = 5; i < 3000; ++i) writer.add(shape_of(i));
    ::raise(SIGKILL);
  }));
  EXPECT_EQ(names(folder / "g").size(), 5U);
  EXPECT_FALSE(only_what_counts(folder / "g")) << "the killed build left files";
  EXPECT_TRUE(only_what_counts(folder / "g")) << "and the next writer swept them";
  build_gallery(folder / "g", 5, 1);
  EXPECT_EQ(names(folder / "g").size(), 6U);
}

TEST(GalleryKilled, AFirstBuildLeavesAFolderThatTheNextTakes) {
  const ScratchFolder folder;
  EXPECT_TRUE(killed([&] {
    GalleryWriter writer(folder / "g", kIdentity);
    writer.add(shape_of(0));
    ::raise(SIGKILL);
  }));
  EXPECT_NE(message_of([&] { Gallery gallery(folder / "g"); }).find("no gallery here"),
            std::string::npos);
  build_gallery(folder / "g", 0, 4);
  EXPECT_EQ(names(folder / "g").size(), 4U);
}

/// Kills at many moments of the whole: opening, adding, merging, writing, renaming, sweeping.
TEST(GalleryKilled, AtAnyMomentItIsTheOldOneOrTheNewOne) {
  const ScratchFolder folder;
  const fs::path g = folder / "g";
  size_t last = 0;
  const auto extend = [&] { build_gallery(g, static_cast<int64_t>(last), 60); };
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(killed(extend));
  const auto whole = std::chrono::steady_clock::now() - start;
  last = names(g).size();
  EXPECT_EQ(last, 60U);
  int in_the_middle = 0;
  for (int moment = 0; moment < 80; ++moment) {
    const auto after =
        std::chrono::duration_cast<std::chrono::microseconds>(whole * moment / 50).count();
    const bool was_killed = killed(extend, static_cast<useconds_t>(after));
    in_the_middle += was_killed ? 1 : 0;
    const size_t size = names(g).size();
    EXPECT_TRUE(size == last + 60 || (was_killed && size == last)) << size << " after " << last;
    last = size;
  }
  EXPECT_GT(in_the_middle, 5);
  EXPECT_FALSE(killed(extend));
  EXPECT_EQ(names(g).size(), last + 60) << "what was killed is in nobody's way";
}

}  // namespace
}  // namespace pointattn::test
