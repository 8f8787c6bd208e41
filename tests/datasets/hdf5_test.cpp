// SPDX-License-Identifier: Apache-2.0
#include "datasets/registry.h"
#include "pointattn/core/files.h"
#include "tests/datasets/messages.h"
#include "tests/datasets/write_hdf5.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>

namespace pointattn::datasets {
namespace {
namespace fs = std::filesystem;
using test::Hdf5Writer;

void put(const fs::path& path, const std::string& text) {
  write_file(path, [&](std::ostream& out) { out << text; });
}

TEST(Hdf5, ReadsBackWhatWasWritten) {
  const test::ScratchFolder folder;
  const test::Fixture f = test::make_fixture();
  test::write_fixture(folder / "a.h5", f);
  const train::DatasetPtr set = open_dataset((folder / "a.h5").string());
  ASSERT_EQ(set->size(), 4);
  EXPECT_TRUE(set->has_parts());
  for (int64_t i = 0; i < 4; ++i) {
    const train::Sample s = set->get(i);
    EXPECT_TRUE(at::equal(s.xyz, f.data[i]));
    EXPECT_TRUE(at::equal(s.normal, f.normal[i]));
    EXPECT_TRUE(at::equal(s.part, f.pid[i]));
    EXPECT_EQ(s.part.scalar_type(), at::kLong);
    EXPECT_EQ(s.category, i / 2);
    EXPECT_EQ(set->category(i), i / 2);
  }
  EXPECT_ANY_THROW(set->get(4));
  EXPECT_ANY_THROW(set->get(-1));
}

TEST(Hdf5, ASampleIsACopy) {
  const test::ScratchFolder folder;
  test::write_fixture(folder / "a.h5", test::make_fixture());
  const train::DatasetPtr set = open_dataset((folder / "a.h5").string());
  const at::Tensor before = set->get(1).xyz.clone();
  set->get(1).xyz.zero_();
  EXPECT_TRUE(at::equal(set->get(1).xyz, before));
}

TEST(Hdf5, TakesEveryWidthOfNumberAndFlatLabels) {
  const test::ScratchFolder folder;
  const test::Fixture f = test::make_fixture();
  for (const hid_t type : {H5T_STD_I8LE, H5T_STD_U16BE, H5T_STD_I32LE, H5T_STD_U64LE}) {
    {
      Hdf5Writer writer(folder / "b.h5");
      writer.write("data", f.data.to(at::kDouble), H5T_IEEE_F64BE);
      writer.write("label", f.label.flatten(), type);
      writer.write("pid", f.pid, type);
    }
    const train::DatasetPtr set = open_dataset((folder / "b.h5").string());
    EXPECT_TRUE(at::equal(set->get(3).xyz, f.data[3]));
    EXPECT_TRUE(at::equal(set->get(3).part, f.pid[3]));
    EXPECT_FALSE(set->get(3).normal.defined());
  }
}

TEST(Hdf5, ALimitTakesTheFirstPoints) {
  const test::ScratchFolder folder;
  const test::Fixture f = test::make_fixture();
  test::write_fixture(folder / "a.h5", f);
  const std::string path = (folder / "a.h5").string();
  EXPECT_TRUE(at::equal(open_dataset(path, {.points = 7})->get(2).xyz, f.data[2].narrow(0, 0, 7)));
  EXPECT_TRUE(at::equal(open_dataset(path, {.points = 7})->get(2).part, f.pid[2].narrow(0, 0, 7)));
  EXPECT_EQ(open_dataset(path, {.points = 1000})->get(2).xyz.size(0), 32);
}

TEST(Hdf5, NamesComeFromTheMetaFileElseAreNumbered) {
  const test::ScratchFolder folder;
  test::write_fixture(folder / "toys_train.h5", test::make_fixture());
  const std::string path = (folder / "toys_train.h5").string();
  const LabelMap numbered = open_dataset(path)->labels();
  ASSERT_EQ(numbered.num_categories(), 2);
  EXPECT_EQ(numbered.categories[1].name, "category 1");
  EXPECT_EQ(numbered.categories[1].first_part, 2);
  EXPECT_EQ(numbered.part(4).name, "part 4");
  put(folder / "toys_meta.json",
      R"({"categories": [{"id": 0, "name": "ball", "parts": ["skin", "valve"]}, {"id": 1, "name": "top", "parts": ["tip", "disc", "grip"]}]})");
  const LabelMap named = open_dataset(path)->labels();
  EXPECT_EQ(named.categories[0].name, "ball");
  EXPECT_EQ(named.part(4).name, "grip");
  put(folder / "toys_meta.json",
      R"({"categories": [{"name": "ball", "parts": ["skin", "valve"]}]})");
  EXPECT_COMPLAINT(open_dataset(path), path, "shape 2", "category below 1");
  put(folder / "toys_meta.json",
      R"({"categories": [{"name": "ball", "parts": ["skin"]}, {"name": "top", "parts": ["tip"]}]})");
  EXPECT_COMPLAINT(open_dataset(path), path, "ball", "expected part ids 0 to 0, got 1");
  for (const char* bad :
       {"{", "[]", "{}", R"({"categories": [{"id": 1, "name": "a"}]})", R"({"categories": 5})"}) {
    put(folder / "toys_meta.json", bad);
    EXPECT_COMPLAINT(open_dataset(path), "toys_meta.json");
  }
  LabelMap own = numbered;
  own.categories[0].name = "mine";
  EXPECT_EQ(open_dataset(path, {.labels = own})->labels().categories[0].name, "mine");
}

TEST(Hdf5, OverlappingPartIdsNeedNames) {
  const test::ScratchFolder folder;
  test::Fixture f = test::make_fixture();
  f.pid = f.pid.remainder(2);
  test::write_fixture(folder / "a.h5", f);
  EXPECT_COMPLAINT(
      open_dataset((folder / "a.h5").string()), "part ids of category 1", "_meta.json");
}

TEST(Hdf5, AReleaseIsKnownByItsIds) {
  const test::ScratchFolder folder;
  test::Fixture f = test::make_fixture();
  f.label = at::tensor({4, 4, 15, 15}, at::kLong).reshape({4, 1});
  f.pid = at::cat({at::full({2, 32}, 13, at::kLong), at::full({2, 32}, 49, at::kLong)});
  test::write_fixture(folder / "a.h5", f);
  EXPECT_EQ(open_dataset((folder / "a.h5").string())->labels().part(13).name, "seat");
  f.pid.fill_(40);  // a pistol's part on a chair: not that release
  test::write_fixture(folder / "b.h5", f);
  EXPECT_COMPLAINT(open_dataset((folder / "b.h5").string()), "part ids");
}

TEST(Hdf5, ListsFoldersAndStemsPickTheirSplit) {
  const test::ScratchFolder folder;
  const test::Fixture f = test::make_fixture();
  for (const char* name : {"x_train0.h5", "x_train1.h5", "x_test0.h5"})
    test::write_fixture(folder / name, f);
  const auto count = [&](const std::string& name, const char* split) {
    return open_dataset(name, {.split = split})->size();
  };
  const std::string whole = folder.path().string();
  const std::string stem = (folder / "x").string();
  for (const std::string& name : {whole, stem}) {
    EXPECT_EQ(count(name, "train"), 8);
    EXPECT_EQ(count(name, "test"), 4);
    EXPECT_EQ(count(name, "all"), 12);
    EXPECT_EQ(count(name, "trainval"), 8);
    EXPECT_COMPLAINT(count(name, "val"), "no split 'val'");
  }
  EXPECT_COMPLAINT(count((folder / "x_test0.h5").string(), "train"), "x_test0.h5", "'test'");
  EXPECT_COMPLAINT(count(whole, "dev"), "'dev'");
  put(folder / "train_files.txt", "data/elsewhere/x_train1.h5\r\n\n");
  put(folder / "test_files.txt", "x_test0.h5\n");
  EXPECT_EQ(count(whole, "train"), 4);
  EXPECT_EQ(count(whole, "all"), 8);
  EXPECT_EQ(count((folder / "train_files.txt").string(), "train"), 4);
  EXPECT_COMPLAINT(count((folder / "train_files.txt").string(), "test"), "'train'");
  put(folder / "test_files.txt", "gone.h5\n");
  EXPECT_COMPLAINT(count(whole, "test"), "gone.h5", "no such file");
  put(folder / "test_files.txt", "letter.doc\n");
  EXPECT_COMPLAINT(count(whole, "test"), "test_files.txt", "letter.doc");
  put(folder / "test_files.txt", "\n");
  EXPECT_COMPLAINT(count(whole, "test"), "got none");
}

TEST(Hdf5, FilesOfDifferentDataSetsDoNotMix) {
  const test::ScratchFolder folder;
  test::write_fixture(folder / "a_train.h5", test::make_fixture());
  test::write_fixture(folder / "b_train.h5", test::make_fixture());
  put(folder / "a_meta.json",
      R"({"categories": [{"name": "p", "parts": ["1", "2"]}, {"name": "q", "parts": ["3", "4", "5"]}]})");
  EXPECT_COMPLAINT(open_dataset(folder.path().string()), "a_train.h5", "b_train.h5", "different");
}

struct Known {
  const char* stem;
  int64_t train;
  int64_t test;
  int64_t points;
  int64_t categories;
  int64_t parts;
  const char* last;  ///< name of the last category
};

/// Shown in the names that ctest lists.
void PrintTo(const Known& known, std::ostream* out) { *out << known.stem; }

class RealHdf5 : public testing::TestWithParam<Known> {};

TEST_P(RealHdf5, HasTheCountsOfItsDescription) {
  POINTATTN_NEED_DATA(data);
  const Known& known = GetParam();
  const std::string stem = (data / known.stem).string();
  for (const bool test : {false, true}) {
    const train::DatasetPtr set = open_dataset(stem, {.split = test ? "test" : "train"});
    ASSERT_EQ(set->size(), test ? known.test : known.train);
    ASSERT_EQ(set->labels().num_categories(), known.categories);
    EXPECT_EQ(set->labels().num_parts(), known.parts);
    EXPECT_EQ(set->labels().categories.back().name, known.last);
    EXPECT_EQ(set->has_parts(), known.parts > 0);
    for (int64_t i = 0; i < set->size(); i += 37) {
      const train::Sample s = set->get(i);
      EXPECT_EQ(s.xyz.size(0), known.points);
      EXPECT_LT(s.xyz.square().sum(1).max().item<float>(), 1.001F);
      EXPECT_EQ(s.part.defined(), known.parts > 0);
      EXPECT_EQ(s.normal.defined(), known.parts > 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files,
    RealHdf5,
    testing::Values(Known{"parts/psb", 228, 76, 4096, 19, 94, "Vase"},
                    Known{"parts/coseg_aliens", 169, 29, 4096, 1, 4, "coseg_aliens"},
                    Known{"parts/coseg_chairs", 337, 60, 4096, 1, 3, "coseg_chairs"},
                    Known{"parts/coseg_vases", 252, 45, 4096, 1, 4, "coseg_vases"},
                    Known{"parts/human_seg", 381, 18, 4096, 1, 8, "human_seg"},
                    Known{"shapes/modelnet_subset", 1064, 492, 2048, 11, 0, "toilet"},
                    Known{"shapes/psb_cls", 904, 905, 1024, 48, 0, "wheel"}));

TEST(RealHdf5, CapsAreThoseOfShapeNetPart) {
  POINTATTN_NEED_DATA(data);
  const train::DatasetPtr set =
      open_dataset((data / "shapenetpart_sample/cap_with_normals.h5").string());
  ASSERT_EQ(set->size(), 16);
  const train::Sample s = set->get(0);
  EXPECT_EQ(set->labels().categories[static_cast<size_t>(s.category)].name, "Cap");
  EXPECT_EQ(s.xyz.size(0), 2048);
  EXPECT_EQ(s.part.min().item<int64_t>(), 6);
  EXPECT_EQ(s.part.max().item<int64_t>(), 7);
}

TEST(RealHdf5, AFolderOfSeveralDataSetsIsRefused) {
  POINTATTN_NEED_DATA(data);
  EXPECT_COMPLAINT(open_dataset((data / "parts").string(), {.split = "test", .points = 16}),
                   "different");
}

}  // namespace
}  // namespace pointattn::datasets
