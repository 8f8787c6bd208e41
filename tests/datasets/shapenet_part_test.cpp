// SPDX-License-Identifier: Apache-2.0
#include "datasets/registry.h"
#include "datasets/shapenet_labels.h"
#include "pointattn/core/files.h"
#include "tests/datasets/messages.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <set>

namespace pointattn::datasets {
namespace {
namespace fs = std::filesystem;

void put(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  write_file(path, [&](std::ostream& out) { out << text; });
}

/// A chair and a mug in the form of points and labels.
void put_points(const test::ScratchFolder& folder) {
  put(folder / "03001627/points/a1.pts", "0 0 0\n4 0 0\n0 2 0\n0 0 -2.0e0\n");
  put(folder / "03001627/points_label/a1.seg", "1\n2\n3\n4\n");
  put(folder / "03797390/points/b2.pts", "1 1 1\n2 1 1\n");
  put(folder / "03797390/points_label/b2.seg", "2\n1\n");
}

TEST(ShapeNetPart, LabelsHaveTheStandardIds) {
  const LabelMap labels = shapenet_part_labels();
  ASSERT_EQ(labels.num_categories(), 16);
  EXPECT_EQ(labels.num_parts(), 50);
  const std::vector<int64_t> first{0, 4, 6, 8, 12, 16, 19, 22, 24, 28, 30, 36, 38, 41, 44, 47};
  for (size_t i = 0; i < first.size(); ++i) EXPECT_EQ(labels.categories[i].first_part, first[i]);
  EXPECT_EQ(modelnet40_labels().num_categories(), 40);
  EXPECT_EQ(modelnet40_labels().categories[33].name, "table");
}

TEST(ShapeNetPart, PointsAndLabels) {
  const test::ScratchFolder folder;
  put_points(folder);
  const train::DatasetPtr set = open_dataset(folder.path().string());
  ASSERT_EQ(set->size(), 2);
  const train::Sample chair = set->get(0);
  EXPECT_EQ(set->labels().categories[static_cast<size_t>(chair.category)].name, "Chair");
  EXPECT_EQ(chair.name, "03001627/a1");
  EXPECT_TRUE(at::equal(chair.part, at::tensor({12, 13, 14, 15}, at::kLong)));
  // mean (1, .5, -.5); the second point is the farthest: 3² + .5² + .5² = 9.5
  const at::Tensor expected =
      at::tensor({-1.0, -0.5, 0.5, 3.0, -0.5, 0.5, -1.0, 1.5, 0.5, -1.0, -0.5, -1.5}, at::kDouble)
          .reshape({4, 3}) /
      std::sqrt(9.5);
  EXPECT_EQ(chair.xyz.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::allclose(chair.xyz.to(at::kDouble), expected, 0, 1e-6)) << chair.xyz;
  EXPECT_TRUE(at::equal(set->get(1).part, at::tensor({37, 36}, at::kLong)));
  EXPECT_FALSE(chair.normal.defined());
}

TEST(ShapeNetPart, PointsWithNormals) {
  const test::ScratchFolder folder;
  put(folder / "synsetoffset2category.txt", "Cap\t02954340\nMug 03797390\n");
  put(folder / "02954340/c3.txt", "0 0 0 0 1 0 6.000000\n1 0 0 1 0 0 7.000000\n\n");
  const train::DatasetPtr set = open_dataset(folder.path().string());
  ASSERT_EQ(set->size(), 1);
  const train::Sample cap = set->get(0);
  EXPECT_EQ(cap.category, 2);
  EXPECT_TRUE(at::equal(cap.part, at::tensor({6, 7}, at::kLong)));
  EXPECT_TRUE(at::equal(cap.normal, at::tensor({0.F, 1.F, 0.F, 1.F, 0.F, 0.F}).reshape({2, 3})));
  EXPECT_TRUE(at::allclose(cap.xyz, at::tensor({-1.F, 0.F, 0.F, 1.F, 0.F, 0.F}).reshape({2, 3})));
}

TEST(ShapeNetPart, SplitsFollowTheLists) {
  const test::ScratchFolder folder;
  put_points(folder);
  const std::string path = folder.path().string();
  EXPECT_COMPLAINT(open_dataset(path, {.split = "test"}), "shuffled_test_file_list.json", "'all'");
  put(folder / "train_test_split/shuffled_train_file_list.json", R"(["shape_data/03797390/b2"])");
  put(folder / "train_test_split/shuffled_val_file_list.json", R"(["shape_data/03001627/a1"])");
  put(folder / "train_test_split/shuffled_test_file_list.json", R"(["shape_data/03001627/zz"])");
  ASSERT_EQ(open_dataset(path, {.split = "train"})->size(), 1);
  EXPECT_EQ(open_dataset(path, {.split = "train"})->get(0).name, "03797390/b2");
  EXPECT_EQ(open_dataset(path, {.split = "trainval"})->size(), 2);
  EXPECT_COMPLAINT(open_dataset(path, {.split = "test"}), "no shapes of the split 'test'");
  for (const char* bad : {"[1, 2]", "{", "7"}) {
    put(folder / "train_test_split/shuffled_val_file_list.json", bad);
    EXPECT_COMPLAINT(open_dataset(path, {.split = "val"}), "shuffled_val_file_list.json");
  }
}

TEST(ShapeNetPart, ALimitDrawsAFixedSubset) {
  const test::ScratchFolder folder;
  std::string points;
  std::string labels;
  for (int i = 0; i < 200; ++i) {
    points += std::to_string(i) + " 0 0\n";
    labels += std::to_string(i % 2 + 1) + "\n";
  }
  put(folder / "03797390/points/m.pts", points);
  put(folder / "03797390/points_label/m.seg", labels);
  const std::string path = folder.path().string();
  const at::Tensor whole = open_dataset(path)->get(0).xyz;
  const train::Sample a = open_dataset(path, {.points = 50, .seed = 1})->get(0);
  EXPECT_TRUE(at::equal(a.xyz, open_dataset(path, {.points = 50, .seed = 1})->get(0).xyz));
  EXPECT_FALSE(at::equal(a.xyz, open_dataset(path, {.points = 50, .seed = 2})->get(0).xyz));
  std::set<int64_t> rows;
  for (int64_t i = 0; i < 50; ++i) {
    const int64_t row = (whole.select(1, 0) - a.xyz[i][0]).abs().argmin().item<int64_t>();
    EXPECT_TRUE(rows.insert(row).second) << "a point came twice";
    EXPECT_EQ(a.part[i].item<int64_t>(), 36 + row % 2);
  }
}

TEST(ShapeNetPart, FaultsNameFileAndLine) {
  const test::ScratchFolder folder;
  const std::string path = folder.path().string();
  const fs::path points = folder / "03001627/points/a1.pts";
  const fs::path labels = folder / "03001627/points_label/a1.seg";
  const auto read = [&] { open_dataset(path)->get(0); };
  for (const char* bad : {"4 0\n",
                          "4 0 0 9\n",
                          "4 x 0\n",
                          "4 nan 0\n",
                          "4 0 inf\n",
                          "\n",
                          "4 0 1e999\n",
                          "4 0 0x3\n"}) {
    put_points(folder);
    put(points, std::string("0 0 0\n") + bad + "1 1 1\n");
    EXPECT_COMPLAINT(read(), "a1.pts:2:", "expected 3");
  }
  put(points, "");
  EXPECT_COMPLAINT(read(), "a1.pts", "empty");
  put_points(folder);
  put(labels, "1\n2\n3\n");
  EXPECT_COMPLAINT(read(), "a1.seg", "expected 4 lines", "got 3");
  for (const char* bad : {"0", "5", "1.5", "-1", "1e300"}) {
    put(labels, std::string("1\n2\n3\n") + bad + "\n");
    EXPECT_COMPLAINT(read(), "a1.seg:4:", "Chair, 1 to 4");
  }
  fs::remove(labels);
  EXPECT_COMPLAINT(read(), "a1.pts", "found no such file");
  fs::remove(points);
  put(folder / "03001627/n.txt", "0 0 0 0 1 0 12\n0 0 0 0 1 0 16\n");
  EXPECT_COMPLAINT(read(), "n.txt:2:", "Chair, 12 to 15");
  put(folder / "synsetoffset2category.txt", "Chiar 03001627\n");
  EXPECT_COMPLAINT(read(), "Chiar", "Chair");
  put(folder / "synsetoffset2category.txt", "Chair ../../etc\n");
  EXPECT_COMPLAINT(read(), "synsetoffset2category.txt:1:");
}

TEST(ShapeNetPart, ASinglePlaceStaysAtTheOrigin) {
  const test::ScratchFolder folder;
  put(folder / "03797390/points/m.pts", "5 5 5\n5 5 5\n");
  put(folder / "03797390/points_label/m.seg", "1\n1\n");
  EXPECT_TRUE(at::equal(open_dataset(folder.path().string())->get(0).xyz, at::zeros({2, 3})));
}

TEST(ShapeNetPart, TheRealFilesHaveOneShapeACategory) {
  POINTATTN_NEED_DATA(data);
  const train::DatasetPtr set = open_dataset((data / "shapenetpart_sample").string());
  ASSERT_EQ(set->size(), 16);
  std::set<int64_t> seen;
  for (int64_t i = 0; i < set->size(); ++i) {
    const train::Sample s = set->get(i);
    const Category& category = set->labels().categories[static_cast<size_t>(s.category)];
    seen.insert(s.category);
    EXPECT_GT(s.xyz.size(0), 2000);
    EXPECT_GE(s.part.min().item<int64_t>(), category.first_part);
    EXPECT_LT(s.part.max().item<int64_t>(),
              category.first_part + static_cast<int64_t>(category.parts.size()));
    EXPECT_NEAR(s.xyz.square().sum(1).max().item<double>(), 1, 1e-5);
  }
  EXPECT_EQ(seen.size(), 16U);
}

/// In the real shapes the crown of the cap is above its peak, the table's top above its legs, and
/// so on: the names are right.
TEST(ShapeNetPart, PartNamesAgreeWithTheRealShapes) {
  POINTATTN_NEED_DATA(data);
  const train::DatasetPtr set = open_dataset((data / "shapenetpart_sample").string());
  const auto height = [&](const char* category, const char* part) {
    for (int64_t i = 0; i < set->size(); ++i) {
      const train::Sample s = set->get(i);
      const Category& c = set->labels().categories[static_cast<size_t>(s.category)];
      if (c.name != category) continue;
      for (size_t p = 0; p < c.parts.size(); ++p) {
        const at::Tensor mine = s.part == c.first_part + static_cast<int64_t>(p);
        if (c.parts[p].name == part)
          return s.xyz.select(1, 1).masked_select(mine).mean().item<double>();
      }
    }
    return std::numeric_limits<double>::quiet_NaN();
  };
  EXPECT_GT(height("Cap", "crown"), height("Cap", "peak"));
  EXPECT_GT(height("Chair", "back"), height("Chair", "seat"));
  EXPECT_GT(height("Chair", "seat"), height("Chair", "leg"));
  EXPECT_GT(height("Table", "top"), height("Table", "leg"));
  EXPECT_GT(height("Lamp", "shade"), height("Lamp", "pole"));
  EXPECT_GT(height("Lamp", "pole"), height("Lamp", "base"));
  EXPECT_GT(height("Laptop", "screen"), height("Laptop", "keyboard"));
  EXPECT_GT(height("Earphone", "headband"), height("Earphone", "earcup"));
  EXPECT_GT(height("Pistol", "barrel"), height("Pistol", "grip"));
  EXPECT_GT(height("Skateboard", "deck"), height("Skateboard", "wheel"));
}

}  // namespace
}  // namespace pointattn::datasets
