// SPDX-License-Identifier: Apache-2.0
#include "datasets/captions.h"

#include "datasets/cuboids.h"
#include "tests/datasets/messages.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace pointattn::datasets {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBoxColumns =
    "partnet_anno_id\tmodel_id\tgroup\tpath\tcx\tcy\tcz\tdx\tdy\tdz\trx\try\trz\ttx\tty\ttz\tfx\tfy"
    "\tfz\n";
constexpr const char* kUpright = "1\t0\t0\t0\t1\t0\t0\t0\t1";

class CaptionsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() / ("captions_test_" + std::to_string(::getpid()) + "_" +
                                     testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path file(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  /// A table top of 2 × 1 over one leg.
  fs::path boxes() const {
    return file("boxes.tsv",
                std::string(kBoxColumns) + "7\tm\t1\t/top\t0\t1\t0\t2\t0\t1\t" + kUpright +
                    "\n7\tm\t0\t/leg\t0\t0.5\t0\t0\t1\t0\t" + kUpright +
                    "\n9\tm\t0\t/b\t5\t5\t5\t1\t1\t1\t" + "0\t1\t0\t0\t0\t1\t1\t0\t0\r\n");
  }

  fs::path folder_;
};

TEST_F(CaptionsTest, GathersTheSentencesOfEachShape) {
  const fs::path text = file("captions.tsv",
                             "model_id\tpartnet_anno_id\tcategory\tsource\tcaption\n"
                             "a\t9\tchair\tme\ta box\n"
                             "b\t7\ttable\tme\ta flat one\n"
                             "a\t9\tchair\tme\tein Würfel, “schräg”\n");
  const train::CaptionedShapesPtr data = open_captions(text, {boxes()});
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(data->name(0), "9");
  EXPECT_EQ(data->captions(0), (std::vector<std::string>{"a box", "ein Würfel, “schräg”"}));
  EXPECT_EQ(data->captions(1), (std::vector<std::string>{"a flat one"}));
  const at::Tensor table = data->boxes(1);
  EXPECT_EQ(table.sizes(), at::IntArrayRef({2, 15}));
  EXPECT_TRUE(
      at::equal(table[0], at::tensor({0, 1, 0, 2, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1}, at::kFloat)));
  const at::Tensor first = data->points(0, 100, Random(3));
  EXPECT_TRUE(at::equal(first, data->points(0, 100, Random(3))));
  EXPECT_FALSE(at::equal(first, data->points(0, 100, Random(4))));
}

TEST(GeneratedCaptions, ABoxOfAPartBoundsItsPoints) {
  const train::CaptionedShapesPtr data = generated_captions(44, 1, 3);
  for (int64_t shape = 0; shape < data->size(); ++shape) {
    const at::Tensor boxes = data->boxes(shape), xyz = data->points(shape, 2048, Random(1));
    ASSERT_EQ(boxes.size(1), 15) << data->name(shape);
    const at::Tensor reach = boxes.narrow(1, 3, 3) / 2;
    const at::Tensor away = (xyz.unsqueeze(1) - boxes.narrow(1, 0, 3)).abs() - reach;  // [N,P,3]
    EXPECT_LT(away.amax(2).amin(1).max().item<double>(), 1e-5) << data->name(shape);
  }
}

TEST_F(CaptionsTest, PointsLieOnTheBoxesByTheirArea) {
  CuboidShapes shapes;
  read_cuboids(boxes(), shapes);
  ASSERT_EQ(shapes.size(), 2u);
  // The top has both its faces, the leg (a line) no area.
  const CuboidPoints table = sample_cuboids(shapes["7"], 2000, Random(1));
  EXPECT_TRUE(table.box.eq(0).all().item<bool>());
  EXPECT_TRUE(table.xyz.select(1, 1).eq(1).all().item<bool>());
  EXPECT_NEAR(table.xyz.select(1, 0).min().item<double>(), -1, 0.01);
  EXPECT_NEAR(table.xyz.select(1, 0).abs().mean().item<double>(), 0.5, 0.05);
  // A cube with its axes in another order: every point on a face, a sixth on each.
  const at::Tensor cube = sample_cuboids(shapes["9"], 6000, Random(1)).xyz - 5;
  EXPECT_TRUE(at::allclose(cube.abs().amax(1), at::full({6000}, 0.5)));
  for (int64_t axis = 0; axis < 3; ++axis) {
    EXPECT_NEAR(
        cube.select(1, axis).gt(0.4999).to(at::kDouble).mean().item<double>(), 1 / 6., 0.02);
  }
  EXPECT_TRUE(at::equal(sample_cuboids({Cuboid{}}, 3, Random(1)).xyz, at::zeros({3, 3})));
  EXPECT_THROW(sample_cuboids({}, 3, Random(1)), c10::ValueError);
}

TEST_F(CaptionsTest, FaultsAreNamedWithTheirLine) {
  const fs::path good = boxes();
  const auto fault = [&](const std::string& text) {
    return test::complaint([&] { open_captions(file("c.tsv", text), {good}); });
  };
  const std::string path = (folder_ / "c.tsv").string();
  EXPECT_EQ(fault("caption\nx\n"),
            path +
                ":1: expected a column 'partnet_anno_id' among tab-separated names, got "
                "'caption' and 0 more");
  EXPECT_EQ(fault("partnet_anno_id\tcaption\n7\n"),
            path + ":2: expected 2 tab-separated cells, got 1");
  EXPECT_EQ(fault("partnet_anno_id\tcaption\n7\tx\n8\ty\n"),
            path + ":3: expected a shape of the cuboid tables, got partnet_anno_id '8'");
  EXPECT_EQ(fault("partnet_anno_id\tcaption\n7\t \n"), path + ":2: expected a caption, got none");
  EXPECT_EQ(fault("partnet_anno_id\tcaption\n"),
            path + ": expected captions, got none below the first line");
  const auto box_fault = [&](const std::string& cells) {
    CuboidShapes shapes;
    return test::complaint(
        [&] { read_cuboids(file("b.tsv", kBoxColumns + cells + "\n"), shapes); });
  };
  const std::string place = (folder_ / "b.tsv").string() + ":2: ";
  const std::string upright = kUpright;
  EXPECT_EQ(box_fault("7\tm\t0\tp\t0\tnan\t0\t1\t1\t1\t" + upright),
            place + "expected a number for cy, got 'nan'");
  EXPECT_EQ(box_fault("7\tm\t0\tp\t0\t0\t0\t1\t-1\t1\t" + upright),
            place + "expected a size of at least 0 for dy, got -1");
  EXPECT_EQ(box_fault("7\tm\t0\tp\t0\t0\t0\t1\t1\t1\t2" + upright.substr(1)),
            place + "expected axes of length 1, got r of length 2");
  EXPECT_NE(test::complaint([&] { open_captions(folder_ / "none.tsv", {good}); }).find("none.tsv"),
            std::string::npos);
}

TEST_F(CaptionsTest, GeneratedShapesJoinTheReadOnes) {
  const fs::path text = file("captions.tsv", "partnet_anno_id\tcaption\n7\ta flat one\n");
  const train::CaptionedShapesPtr both =
      join_captions(open_captions(text, {boxes()}), generated_captions(30, 4, 5));
  ASSERT_EQ(both->size(), 31);
  EXPECT_EQ(both->name(0), "7");
  EXPECT_NE(both->name(1), both->name(23));
  for (int64_t s = 1; s < 31; ++s) {
    EXPECT_GE(both->captions(s).size(), 1u);
    EXPECT_EQ(both->points(s, 50, Random(1)).sizes(), (std::vector<int64_t>{50, 3}));
  }
  EXPECT_THROW(both->captions(31), std::out_of_range);
}

TEST_F(CaptionsTest, TheRealTablesHaveAllTheirShapes) {
  POINTATTN_NEED_DATA(data);
  const fs::path folder = data / "text_shapes";
  const std::vector<fs::path> cuboids = {folder / "cuboids_chair.tsv",
                                         folder / "cuboids_table.tsv"};
  const train::CaptionedShapesPtr val = open_captions(folder / "captions_val.tsv", cuboids);
  EXPECT_EQ(val->size(), 832);
  size_t captions = 0;
  for (int64_t s = 0; s < val->size(); ++s) captions += val->captions(s).size();
  EXPECT_EQ(captions, 9123u);
}

}  // namespace
}  // namespace pointattn::datasets
