// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/cloud.h"

#include "pointattn/core/files.h"
#include "tests/io/samples.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <functional>

namespace pointattn::io::test {
namespace {
namespace fs = std::filesystem;

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "no error";
}

int64_t entries(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

TEST(Cloud, SetAddsReplacesInPlaceAndChecksTheLength) {
  Cloud cloud;
  EXPECT_EQ(cloud.points(), 0);
  cloud.set("x", at::zeros({3}));
  cloud.set("y", at::zeros({3}));
  cloud.set("x", at::ones({3}));
  ASSERT_EQ(cloud.fields.size(), 2u);
  EXPECT_EQ(cloud.fields[0].name, "x");
  EXPECT_EQ(cloud.fields[0].values[0].item<float>(), 1);
  EXPECT_THROW(cloud.set("z", at::zeros({4})), c10::ValueError);
  EXPECT_THROW(cloud.set("z", at::zeros({3, 1, 1})), c10::ValueError);
  EXPECT_EQ(message_of([&] { cloud.xyz(); }), "cloud: expected fields x y z, got x y");
}

TEST(Cloud, ColoursFromEveryChannelType) {
  const auto colours = [](const std::array<const char*, 3>& names, const at::Tensor& channels) {
    Cloud cloud;
    for (size_t i = 0; i < 3; ++i) cloud.set(names[i], channels[static_cast<int64_t>(i)]);
    return cloud.colors();
  };
  constexpr std::array kShort = {"r", "g", "b"}, kLong = {"red", "green", "blue"};
  const at::Tensor expected = at::tensor({0, 128, 255, 255, 0, 51}, at::kByte).view({2, 3});
  const at::Tensor bytes = expected.t().contiguous();
  EXPECT_TRUE(at::equal(colours(kShort, bytes), expected));
  EXPECT_TRUE(at::equal(colours(kLong, bytes), expected));
  EXPECT_TRUE(at::equal(colours(kLong, bytes.to(at::kFloat) / 255), expected));
  EXPECT_TRUE(at::equal(colours(kLong, bytes.to(at::kDouble)), expected));
  EXPECT_TRUE(at::equal(colours(kLong, (bytes.to(at::kInt) * 257).to(at::kUInt16)), expected));
  EXPECT_FALSE(Cloud().colors().defined());
}

TEST(ReadCloud, NamesWhatIsWrongWithThePath) {
  const pointattn::test::ScratchFolder folder;
  const std::string start = "cannot read " + folder.path().string();
  EXPECT_EQ(message_of([&] { read_cloud(folder / "no.ply"); }), start + "/no.ply: no such file");
  EXPECT_EQ(message_of([&] { read_cloud(folder.path()); }), start + ": it is a folder");
  std::ofstream(folder / "empty.ply");
  EXPECT_EQ(message_of([&] { read_cloud(folder / "empty.ply"); }),
            start + "/empty.ply: the file is empty");
  std::ofstream(folder / "a.doc") << "words";
  EXPECT_EQ(message_of([&] { read_cloud(folder / "a.doc"); }),
            start +
                "/a.doc: unknown format: expected one of .pcd .ply .xyz .txt .pts .asc .csv .off "
                ".obj .stl, got '.doc'");
  EXPECT_TRUE(is_cloud_file("a/B.PLY"));
  EXPECT_FALSE(is_cloud_file("a.doc"));
  EXPECT_FALSE(is_cloud_file("ply"));
}

TEST(ReadCloud, ContentGoesBeforeTheExtension) {
  for (const SampleFile& file : sample_files()) {
    if (file.extension != ".pcd" && file.extension != ".ply" && file.extension != ".off") continue;
    EXPECT_EQ(parsed(file.bytes, ".dat").points(), 4) << file.what;
    EXPECT_EQ(parsed(file.bytes, ".xyz").points(), 4) << file.what;
  }
}

TEST(WriteCloud, ExtensionDecidesAndIsChecked) {
  const pointattn::test::ScratchFolder folder;
  const Cloud cloud = cloud_of_every_type(3, false);
  EXPECT_EQ(
      message_of([&] { write_cloud(folder / "a.xyz", cloud); }),
      "cannot write " + (folder / "a.xyz").string() + ": expected one of .pcd .ply, got '.xyz'");
  EXPECT_THROW(write_cloud(folder / "a.ply", cloud, Encoding::kCompressed), c10::ValueError);
  EXPECT_EQ(entries(folder.path()), 0);
}

TEST(WriteCloud, AFailedWriteLeavesNothing) {
  const pointattn::test::ScratchFolder folder;
  Cloud cloud = cloud_of_every_type(3, false);
  EXPECT_THROW(write_cloud(folder / "no" / "a.ply", cloud), c10::Error);
  cloud.fields.push_back({"two words", at::zeros({3})});
  EXPECT_THROW(write_cloud(folder / "a.ply", cloud), c10::ValueError);
  cloud.fields.back() = {"short", at::zeros({2})};
  EXPECT_THROW(write_cloud(folder / "a.pcd", cloud), c10::ValueError);
  cloud.fields.back() = {"half", at::zeros({3}, at::kHalf)};
  EXPECT_THROW(write_cloud(folder / "a.pcd", cloud), c10::ValueError);
  cloud.fields.pop_back();
  cloud.triangles = at::tensor({0, 1, 3}, at::kLong).view({1, 3});
  EXPECT_THROW(write_cloud(folder / "a.ply", cloud), c10::ValueError);
  EXPECT_THROW(write_cloud(folder / "a.ply", Cloud()), c10::ValueError);
  EXPECT_EQ(entries(folder.path()), 0);
}

TEST(WriteCloud, AFolderThatTakesNoFilesIsAnError) {
  const std::string message =
      message_of([] { write_cloud("/proc/a.ply", cloud_of_every_type(3, false)); });
  EXPECT_EQ(message.find("cannot write /proc/a.ply"), 0u) << message;
}

TEST(WriteCloud, TakesStridedAndGradientTensors) {
  Cloud cloud;
  const at::Tensor xyz = at::rand({5, 3}).requires_grad_();
  for (int64_t axis = 0; axis < 3; ++axis)
    cloud.set(std::string(1, "xyz"[axis]), xyz.select(1, axis));
  const Cloud back = parsed(written(cloud, ".ply", Encoding::kBinary), ".ply");
  EXPECT_TRUE(at::equal(back.xyz(), xyz.detach().to(at::kDouble)));
}

}  // namespace
}  // namespace pointattn::io::test
