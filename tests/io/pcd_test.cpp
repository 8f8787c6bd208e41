// SPDX-License-Identifier: Apache-2.0
#include "tests/io/samples.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <map>

namespace pointattn::io::test {
namespace {

class PcdRoundTrip : public testing::TestWithParam<std::tuple<Encoding, int64_t>> {};

TEST_P(PcdRoundTrip, KeepsEveryBit) {
  const auto [encoding, points] = GetParam();
  Cloud cloud = cloud_of_every_type(points, true);
  cloud.set("histogram", at::arange(points * 3, at::kFloat).view({points, 3}) / 7);
  cloud.comments = {"seen on Monday", "and on Tuesday"};
  cloud.viewpoint = {0.1, -2, 3e-9, 0.5, 0.5, 0.5, 0.5};
  const Cloud back = parsed(written(cloud, ".pcd", encoding), ".pcd");
  expect_same_fields(back, cloud);
  EXPECT_EQ(back.comments, cloud.comments);
  EXPECT_EQ(back.viewpoint, cloud.viewpoint);
  EXPECT_EQ(back.width, points);
  EXPECT_EQ(back.height, 1);
}

INSTANTIATE_TEST_SUITE_P(
    EncodingsAndSizes,
    PcdRoundTrip,
    testing::Combine(testing::Values(Encoding::kAscii, Encoding::kBinary, Encoding::kCompressed),
                     testing::Values(0, 1, 13, 16384, 20011)));

TEST(Pcd, KeepsTheGridOfAnOrganisedCloud) {
  Cloud cloud = cloud_of_every_type(12, true);
  cloud.width = 4;
  cloud.height = 3;
  const Cloud back = parsed(written(cloud, ".pcd", Encoding::kCompressed), ".pcd");
  EXPECT_EQ(back.width, 4);
  EXPECT_EQ(back.height, 3);
  cloud.width = 5;
  EXPECT_THROW(written(cloud, ".pcd", Encoding::kBinary), c10::ValueError);
}

TEST(Pcd, PackedColoursSurviveEveryEncoding) {
  // Opaque bright colours are NaNs when their bits are taken as a float.
  const std::vector<uint32_t> bits = {0xFFFF8001, 0x00112233, 0xFF7F0000, 0};
  Cloud cloud = cloud_of_every_type(4, false);
  cloud.set("rgb", at::zeros({4}));
  std::memcpy(cloud.fields.back().values.mutable_data_ptr<float>(), bits.data(), 16);
  const at::Tensor expected =
      at::tensor({0xFF, 0x80, 1, 0x11, 0x22, 0x33, 0x7F, 0, 0, 0, 0, 0}, at::kByte).view({4, 3});
  EXPECT_TRUE(at::equal(cloud.colors(), expected));
  for (const Encoding encoding : {Encoding::kAscii, Encoding::kBinary, Encoding::kCompressed}) {
    const Cloud back = parsed(written(cloud, ".pcd", encoding), ".pcd");
    EXPECT_TRUE(at::equal(back.colors(), expected));
    EXPECT_EQ(std::memcmp(back.find("rgb")->values.const_data_ptr(), bits.data(), 16), 0);
  }
}

TEST(Pcd, UnderstandsOldHeadersPaddingAndCrlf) {
  const Cloud cloud = parsed(
      "# .PCD v.5\r\nVERSION .5\r\nCOLUMNS x y _ z\r\nSIZE 4 4 1 8\r\nTYPE F F U F\r\nCOUNT 1 1 3 "
      "1\r\nWIDTH 2\r\n"
      "DATA ascii\r\n1 nan 0 0 0 3\r\n\r\n  4 5 9 9 9 6.25\r\n",
      ".pcd");
  ASSERT_EQ(cloud.fields.size(), 3u);
  EXPECT_EQ(cloud.points(), 2);
  EXPECT_EQ(cloud.fields[2].values.scalar_type(), at::kDouble);
  EXPECT_TRUE(cloud.xyz()[0][1].isnan().item<bool>());
  EXPECT_EQ(cloud.xyz()[1][2].item<double>(), 6.25);
}

std::string header(const std::string& size,
                   const std::string& type,
                   const std::string& count,
                   const std::string& width,
                   const std::string& points,
                   const std::string& data) {
  return "VERSION 0.7\nFIELDS x\nSIZE " + size + "\nTYPE " + type + "\nCOUNT " + count +
         "\nWIDTH " + width + "\nHEIGHT 1\nPOINTS " + points + "\nDATA " + data + "\n";
}

TEST(Pcd, RefusesWhatCannotBeTrue) {
  const std::string body(64, '1');
  const std::map<std::string, std::string> lies = {
      {header("4", "F", "1", "1000000000000", "1000000000000", "binary") + body,
       "1000000000000 points"},
      {header("4", "F", "1", "1000000000000", "1000000000000", "ascii") + body,
       "1000000000000 points"},
      {header("4", "F", "1", "-1", "-1", "binary") + body, "from 0 on after POINTS"},
      {header("4", "F", "1", "3", "4", "binary") + body, "WIDTH x HEIGHT = POINTS"},
      {header("3", "F", "1", "4", "4", "binary") + body, "TYPE I or U of SIZE"},
      {header("4", "Q", "1", "4", "4", "binary") + body, "TYPE I or U of SIZE"},
      {header("4", "F", "0", "4", "4", "binary") + body, "COUNT from 1 on"},
      {header("4", "F", "99999999999999999999", "4", "4", "binary") + body, "COUNT from 1 on"},
      {header("4", "F", "2000000000", "4", "4", "binary") + body, "of at least 8000000000 bytes"},
      {header("4 4", "F", "1", "4", "4", "binary") + body, "1 words after SIZE"},
      {header("4", "F", "1", "4", "4", "zip") + body, "binary_compressed, got 'zip'"},
      {header("4", "F", "1", "2", "2", "ascii") + "1\nsix\n",
       "line 11: expected a number for field 'x', got 'six'"},
      {header("4", "F", "1", "2", "2", "ascii") + "1 2\n3\n",
       "line 10: expected the end of the line, got '2'"},
      {header("4", "F", "1", "2", "2", "ascii") + "1.5   \n", "expected 2 points, got 1"},
      {header("4", "F", "1", "2", "2", "ascii") + "1\n2\n3\n", "got more lines"},
      {header("1", "U", "1", "2", "2", "ascii") + "1\n256\n", "got '256'"},
      {header("1", "U", "1", "2", "2", "ascii") + "1\n-1\n", "got '-1'"},
  };
  for (const auto& [bytes, message] : lies) {
    EXPECT_NE(refusal(bytes, ".pcd").find(message), std::string::npos) << message << "\n"
                                                                       << refusal(bytes, ".pcd");
  }
}

TEST(Pcd, RefusesLyingCompressedSizes) {
  const auto with_sizes = [](uint32_t packed,
                             uint32_t unpacked,
                             const std::string& body,
                             const std::string& points = "4") {
    std::string bytes = header("4", "F", "1", points, points, "binary_compressed");
    bytes.append(reinterpret_cast<const char*>(&packed), 4)
        .append(reinterpret_cast<const char*>(&unpacked), 4);
    return bytes + body;
  };
  const std::string literal = "\x0f" + std::string(16, 'a');
  EXPECT_EQ(parsed(with_sizes(17, 16, literal), ".pcd").points(), 4);
  EXPECT_NE(refusal(with_sizes(18, 16, literal), ".pcd").find("18 compressed bytes"),
            std::string::npos);
  EXPECT_NE(refusal(with_sizes(17, 17, literal), ".pcd").find("unpack to 17"), std::string::npos);
  EXPECT_NE(refusal(with_sizes(0xFFFFFFFF, 16, literal), ".pcd").find("compressed bytes"),
            std::string::npos);
  EXPECT_NE(refusal(with_sizes(5, 16, literal), ".pcd").find("do not unpack"), std::string::npos);
  EXPECT_NE(refusal(with_sizes(0, 16, literal), ".pcd").find("unpack to 16"), std::string::npos);
  EXPECT_NE(
      refusal(with_sizes(17, 16, literal, "1000000000000"), ".pcd").find("1000000000000 points"),
      std::string::npos);
  // A back reference to before the start.
  EXPECT_NE(refusal(with_sizes(4, 16, "\xE0\x07\xFF\xFF"), ".pcd").find("do not unpack"),
            std::string::npos);
}

TEST(Pcd, ReadsTheScansOfPcl) {
  POINTATTN_NEED_DATA(data);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data / "scans" / "pcl")) {
    if (entry.path().extension() != ".pcd") continue;
    SCOPED_TRACE(entry.path().string());
    std::ifstream in(entry.path(), std::ios::binary);
    std::string word;
    while (in >> word && word != "POINTS") {
    }
    int64_t points = -1;
    in >> points;
    const Cloud cloud = read_cloud(entry.path());
    EXPECT_EQ(cloud.points(), points);
    EXPECT_EQ(cloud.width * cloud.height, points);
    EXPECT_GT(cloud.xyz().isfinite().all(1).sum().item<int64_t>(), points / 10);
    EXPECT_EQ(cloud.find("_"), nullptr);
    ++files;
  }
  EXPECT_EQ(files, 22);
}

}  // namespace
}  // namespace pointattn::io::test
