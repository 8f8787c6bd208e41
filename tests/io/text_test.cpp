// SPDX-License-Identifier: Apache-2.0
#include "tests/io/samples.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <map>

namespace pointattn::io::test {
namespace {

std::string names_of(const Cloud& cloud) {
  std::string names;
  for (const Field& field : cloud.fields) names += (names.empty() ? "" : " ") + field.name;
  return names;
}

TEST(Text, NamesColumnsByNumberAndValues) {
  const std::map<std::string, std::string> names = {
      {"1 2 3", "x y z"},
      {"1 2 3 4", "x y z scalar"},
      {"1 2 3 4 5", "x y z scalar_1 scalar_2"},
      {"1 2 3 0.6 0 -0.8", "x y z nx ny nz"},
      {"1 2 3 1 0 0", "x y z nx ny nz"},
      {"1 2 3 255 0 17", "x y z red green blue"},
      {"1 2 3 256 0 17", "x y z scalar_1 scalar_2 scalar_3"},
      {"1 2 3 0.5 0 17", "x y z scalar_1 scalar_2 scalar_3"},
      {"1 2 3 0.6 0 -0.8 4", "x y z nx ny nz label"},
      {"1 2 3 -1203 9 8 7", "x y z intensity red green blue"},
      {"1 2 3 4 5 6 7 8", "x y z scalar_1 scalar_2 scalar_3 scalar_4 scalar_5"},
  };
  for (const auto& [line, expected] : names)
    EXPECT_EQ(names_of(parsed(line, ".xyz")), expected) << line;
  // One row that is no normal or colour decides for the whole column.
  EXPECT_EQ(names_of(parsed("1 2 3 1 0 0\n1 2 3 2 0 0\n", ".xyz")), "x y z red green blue");
  EXPECT_EQ(names_of(parsed("1 2 3 1 0 0\n1 2 3 nan 0 0\n", ".xyz")),
            "x y z scalar_1 scalar_2 scalar_3");
}

TEST(Text, TypesFollowTheNames) {
  const Cloud cloud = parsed("1e6 2 3 0.6 0 -0.8 4\n1000000.0009765625 0 0 1 0 0 -7\n", ".txt");
  EXPECT_EQ(cloud.find("x")->values.scalar_type(), at::kDouble);
  EXPECT_EQ(cloud.find("label")->values.scalar_type(), at::kInt);
  EXPECT_EQ(cloud.find("label")->values[1].item<int>(), -7);
  EXPECT_EQ(cloud.xyz()[1][0].item<double>(), 1000000.0009765625);
  const Cloud coloured = parsed("1 2 3 255 0 17", ".txt");
  EXPECT_TRUE(at::equal(coloured.colors(), at::tensor({255, 0, 17}, at::kByte).view({1, 3})));
}

TEST(Text, HeadersCountsCommentsAndSeparators) {
  for (const char* text : {"x,y,z,GpsTime\n1,2,3,4\n5,6,7,8\n",
                           "//X Y Z GpsTime\n1 2 3 4\n5 6 7 8\n",
                           "# a remark\n# x y z GpsTime\n1;2;3;4\n\n5 ; 6 ; 7 ; 8\n",
                           "\"X\";\"Y\";\"Z\";\"GpsTime\"\r\n1;2;3;4\r\n5;6;7;8",
                           "\xEF\xBB\xBFx y z GpsTime\n1\t2\t3\t4\n# between\n5,6,7,8,\n"}) {
    const Cloud cloud = parsed(text, ".csv");
    EXPECT_EQ(names_of(cloud), "x y z GpsTime") << text;
    ASSERT_EQ(cloud.points(), 2) << text;
    EXPECT_EQ(cloud.find("GpsTime")->values[1].item<double>(), 8);
  }
  EXPECT_EQ(parsed("# a remark\n// another\n1 2 3", ".asc").comments,
            (std::vector<std::string>{"a remark", "another"}));
  EXPECT_EQ(parsed("2\n1 2 3\n4 5 6\n", ".pts").points(), 2);
  EXPECT_EQ(names_of(parsed("z y x\n1 2 3", ".txt")), "z y x");
}

TEST(Text, NumbersInEverySpelling) {
  const Cloud cloud = parsed("nan -inf +1.5e+3\nINF -0 .5\n1e-400 5. -1E2\n", ".xyz");
  const at::Tensor xyz = cloud.xyz();
  EXPECT_TRUE(xyz[0][0].isnan().item<bool>());
  EXPECT_EQ(xyz[0][1].item<double>(), -INFINITY);
  EXPECT_EQ(xyz[0][2].item<double>(), 1500);
  EXPECT_EQ(xyz[1][0].item<double>(), INFINITY);
  EXPECT_TRUE(std::signbit(xyz[1][1].item<double>()));
  EXPECT_EQ(xyz[2][0].item<double>(), 0);
  EXPECT_EQ(xyz[2][2].item<double>(), -100);
}

TEST(Text, ErrorsNameTheLine) {
  const std::map<std::string, std::string> faults = {
      {"1 2 3\n4 5\n", "line 2: expected 3 numbers, got 2"},
      {"1 2 3\n\n# x\n4 5 6 7\n", "line 4: expected 3 numbers, got 4"},
      {"1 2 3\n4 five 6\n", "line 2: expected a number, got 'five'"},
      {"1 2 3\n4 5x 6\n", "line 2: expected a number, got '5x'"},
      {"1,2,3\n4,,6\n", "line 2: expected 3 numbers, got 2"},
      {"1 2 3\n4 1e999 6\n", "line 2: expected a number, got '1e999'"},
      {"1 2\n", "line 1: expected at least 3 numbers a line, got 2"},
      {"hello world\n1 2\n",
       "line 1: expected numbers, or names of columns with x y z, got 'hello world'"},
      {"x y z w\n1 2 3\n", "line 2: expected 4 numbers, got 3"},
      {"3\n1 2 3\n4 5 6\n", "expected 3 points as the first line says, got 2"},
      {"1000000000000\n1 2 3\n", "expected 1000000000000 points"},
      {"# only remarks\n", "expected at least 3 numbers a line, got 0"},
  };
  for (const auto& [text, message] : faults) {
    EXPECT_NE(refusal(text, ".xyz").find(message), std::string::npos) << message << "\n"
                                                                      << refusal(text, ".xyz");
  }
}

TEST(Text, AWideFirstLineBeforeManyBlankOnesStaysSmall) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "1 ";
  text.append(3000000, '\n');
  const Cloud cloud = parsed(text, ".xyz");
  EXPECT_EQ(cloud.points(), 1);
  int64_t allocated = 0;
  for (const Field& field : cloud.fields)
    allocated += static_cast<int64_t>(field.values.storage().nbytes());
  EXPECT_LT(allocated, 5 * static_cast<int64_t>(text.size()));
}

TEST(Text, ReadsAShapeNetPartFile) {
  POINTATTN_NEED_DATA(data);
  const auto folder = data / "shapenetpart_sample" / "02691156" / "points";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const Cloud cloud = read_cloud(entry.path());
    EXPECT_GT(cloud.points(), 500);
    EXPECT_TRUE(cloud.xyz().isfinite().all().item<bool>());
    ++files;
  }
  EXPECT_GT(files, 0);
}

}  // namespace
}  // namespace pointattn::io::test
