// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/files.h"

#include "tests/support/data.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

namespace pointattn {
namespace {
namespace fs = std::filesystem;

int entries(const fs::path& folder) {
  return static_cast<int>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(WriteFile, ReplacesAsAWhole) {
  const test::ScratchFolder folder;
  write_file(folder / "a.txt", [](std::ostream& out) { out << "one"; });
  write_file(folder / "a.txt", [](std::ostream& out) { out << "two"; });
  EXPECT_EQ(read_file(folder / "a.txt"), "two");
  EXPECT_EQ(entries(folder.path()), 1);
}

TEST(WriteFile, AFailedWriteLeavesTheOldFileAndNothingElse) {
  const test::ScratchFolder folder;
  write_file(folder / "a.txt", [](std::ostream& out) { out << "old"; });
  EXPECT_ANY_THROW(write_file(folder / "a.txt", [](std::ostream& out) {
    out << "half";
    throw std::runtime_error("stop");
  }));
  EXPECT_EQ(read_file(folder / "a.txt"), "old");
  EXPECT_EQ(entries(folder.path()), 1);
}

TEST(WriteFile, NamesThePathThatCannotBeWritten) {
  const test::ScratchFolder folder;
  for (const fs::path& path : {folder / "none" / "a.txt", folder.path()}) {
    try {
      write_file(path, [](std::ostream&) {});
      FAIL() << path;
    } catch (const c10::Error& error) {
      EXPECT_NE(std::string(error.what_without_backtrace()).find(path.string()), std::string::npos);
    }
  }
}

TEST(ReadFile, TakesNoMoreThanItIsAllowed) {
  const test::ScratchFolder folder;
  write_file(folder / "f", [](std::ostream& out) { out << "12345"; });
  EXPECT_EQ(read_file(folder / "f", 5), "12345");
  EXPECT_THROW((void)read_file(folder / "f", 4), c10::Error);
  EXPECT_THROW((void)read_file("/dev/zero", 1 << 20), c10::Error) << "no size to go by";
}

TEST(ReadFile, SaysWhyItCannot) {
  const test::ScratchFolder folder;
  EXPECT_THROW(read_file(folder / "none"), c10::Error);
  EXPECT_THROW(read_file(folder.path()), c10::Error);
}

}  // namespace
}  // namespace pointattn
