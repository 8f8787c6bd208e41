// SPDX-License-Identifier: Apache-2.0
#include "tests/io/samples.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace pointattn::io::test {
namespace {

class PlyRoundTrip : public testing::TestWithParam<std::tuple<Encoding, int64_t>> {};

TEST_P(PlyRoundTrip, KeepsEveryBit) {
  const auto [encoding, points] = GetParam();
  Cloud cloud = cloud_of_every_type(points, false);
  cloud.comments = {"seen on Monday", "and on Tuesday"};
  if (points > 3) cloud.triangles = at::tensor({0, 1, 2, 3, 2, 1}, at::kLong).view({2, 3});
  const Cloud back = parsed(written(cloud, ".ply", encoding), ".ply");
  expect_same_fields(back, cloud);
  EXPECT_EQ(back.comments, cloud.comments);
  ASSERT_EQ(back.triangles.defined(), cloud.triangles.defined());
  if (points > 3) {
    EXPECT_TRUE(at::equal(back.triangles, cloud.triangles));
  }
}

INSTANTIATE_TEST_SUITE_P(EncodingsAndSizes,
                         PlyRoundTrip,
                         testing::Combine(testing::Values(Encoding::kAscii, Encoding::kBinary),
                                          testing::Values(0, 1, 13, 16384, 20011)));

TEST(Ply, NarrowsLongIntegersThatFitAndSplitsWideFields) {
  Cloud cloud;
  cloud.set("x", at::zeros({2}));
  cloud.set("id", at::tensor(std::vector<int64_t>{-2147483648, 2147483647}));
  cloud.set("pair", at::tensor({1, 2, 3, 4}, at::kShort).view({2, 2}));
  const Cloud back = parsed(written(cloud, ".ply", Encoding::kBinary), ".ply");
  ASSERT_EQ(back.fields.size(), 4u);
  EXPECT_EQ(back.fields[1].values.scalar_type(), at::kInt);
  EXPECT_TRUE(at::equal(back.fields[1].values.to(at::kLong), cloud.fields[1].values));
  EXPECT_EQ(back.fields[3].name, "pair_1");
  EXPECT_TRUE(at::equal(back.fields[3].values, at::tensor({2, 4}, at::kShort)));
  cloud.set("id", at::tensor(std::vector<int64_t>{0, 2147483648}));
  EXPECT_THROW(written(cloud, ".ply", Encoding::kAscii), c10::ValueError);
  cloud.set("id", at::tensor(std::vector<int64_t>{0, -1}).view(at::kUInt64));
  EXPECT_THROW(written(cloud, ".ply", Encoding::kAscii), c10::ValueError);
}

constexpr const char* kElements =
    "comment by hand\r\nobj_info ignored\r\nelement camera 1\r\nproperty float32 fov\r\nelement "
    "vertex 4\r\n"
    "property float32 x\r\nproperty list uint8 int16 tags\r\nproperty float64 y\r\nproperty int8 "
    "z\r\n"
    "element face 2\r\nproperty uchar flag\r\nproperty list uchar uint vertex_index\r\nelement "
    "edge 0\r\n"
    "property int a\r\nend_header\r\n";

void expect_the_mesh(const Cloud& cloud) {
  ASSERT_EQ(cloud.fields.size(), 3u);
  EXPECT_EQ(cloud.comments, std::vector<std::string>{"by hand"});
  const at::Tensor xyz =
      at::tensor({0.5, 1.0, -1.0, 1.5, 2.0, -2.0, 2.5, 3.0, -3.0, 3.5, 4.0, -4.0}, at::kDouble)
          .view({4, 3});
  EXPECT_TRUE(at::equal(cloud.xyz(), xyz));
  EXPECT_TRUE(
      at::equal(cloud.triangles, at::tensor({0, 1, 2, 0, 1, 2, 0, 2, 3}, at::kLong).view({3, 3})));
}

TEST(Ply, ReadsListsOtherElementsAndCrlfInText) {
  expect_the_mesh(parsed(std::string("ply\r\nformat ascii 1.0\r\n") + kElements +
                             "70.5\r\n0.5 0 1 -1\r\n1.5 2 7 8 2 -2\r\n2.5 1 9 3 -3\r\n3.5 0 4 "
                             "-4\r\n1 3 0 1 2\r\n0 4 0 1 2 3\r\n",
                         ".ply"));
}

/// Bytes of values one after another, in either order.
class Bytes {
 public:
  explicit Bytes(bool big) : big_(big) {}
  template <class T>
  Bytes& operator()(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    if (big_) std::reverse(raw, raw + sizeof(T));
    bytes.append(raw, sizeof(T));
    return *this;
  }
  std::string bytes;

 private:
  bool big_;
};

std::string binary_mesh(bool big) {
  Bytes body(big);
  body(70.5F);
  for (int i = 0; i < 4; ++i) {
    body(0.5F + static_cast<float>(i))(static_cast<uint8_t>(i % 2));
    if (i % 2) body(static_cast<int16_t>(1000 + i));
    body(1.0 + i)(static_cast<int8_t>(-1 - i));
  }
  body(uint8_t{1})(uint8_t{3})(0u)(1u)(2u)(uint8_t{0})(uint8_t{4})(0u)(1u)(2u)(3u);
  const std::string format = big ? "binary_big_endian" : "binary_little_endian";
  return "ply\r\nformat " + format + " 1.0\r\n" + kElements + body.bytes;
}

TEST(Ply, ReadsBothByteOrders) {
  expect_the_mesh(parsed(binary_mesh(false), ".ply"));
  expect_the_mesh(parsed(binary_mesh(true), ".ply"));
}

TEST(Ply, ACutBinaryMeshIsRefusedAtEveryByte) {
  for (const bool big : {false, true}) {
    const std::string whole = binary_mesh(big);
    for (size_t size = 1; size < whole.size(); ++size) {
      EXPECT_NE(refusal(whole.substr(0, size), ".ply"), "no error") << size;
    }
  }
}

TEST(Ply, RefusesWhatCannotBeTrue) {
  const std::string ascii = "ply\nformat ascii 1.0\n",
                    binary = "ply\nformat binary_little_endian 1.0\n";
  const std::string x = "property float x\n",
                    faces = "property list uchar int vertex_indices\nend_header\n";
  const std::string body(64, '\1');
  const std::map<std::string, std::string> lies = {
      {binary + "element vertex 1000000000000000\n" + x + "end_header\n" + body,
       "1000000000000000 vertex"},
      {ascii + "element vertex 1000000000000000\n" + x + "end_header\n1\n",
       "1000000000000000 vertex"},
      {ascii + "element vertex -1\n" + x + "end_header\n1\n", "count from 0 on"},
      {binary + "element vertex 1000000000000000\nend_header\n" + body,
       "properties that are no lists"},
      {binary + "element vertex 1\n" + x + "element face 1000000000000000\n" + faces + body,
       "1000000000000000 face"},
      {binary + "element vertex 1\n" + x +
           "element face 1\nproperty list int int vertex_indices\nend_header\n" +
           std::string("\0\0\0\0\xff\xff\xff\x7f", 8) + body,
       "expected 2147483647 values for 'vertex_indices'"},
      {binary + "element vertex 1\n" + x +
           "element face 1\nproperty list int int vertex_indices\nend_header\n" +
           std::string("\0\0\0\0\0\0\0\x80", 8) + body,
       "list length from 0 on"},
      {binary + "element vertex 1\nproperty list uint uchar t\n" + x + "end_header\n" +
           std::string(4, '\xff') + body,
       "expected 4294967295 values for 't'"},
      {ascii + "element vertex 2\n" + x + "element face 1\n" + faces + "1\n2\n3 0 1 2\n",
       "a vertex from 0 to 1 in face 0, got 2"},
      {ascii + "element vertex 2\n" + x + "element face 1\n" + faces + "1\n2\n3 0 1 -1\n",
       "a vertex from 0 to 1 in face 0, got -1"},
      {ascii + "element vertex 2\n" + x + "element face 1\n" + faces + "1\n2\n3 0 1\n",
       "line 10: expected a number"},
      {ascii + "element vertex 2\n" + x + "end_header\n1\n2 3\n",
       "line 7: expected the end of the line, got '3'"},
      {ascii + "element vertex 2\nproperty quad x\nend_header\n1\n2\n",
       "line 4: expected a PLY type"},
      {ascii + "element face 0\n" + faces, "one 'element vertex'"},
      {ascii + "element vertex 2\n" + x + "element vertex 2\n" + x + "end_header\n1\n2\n3\n4\n",
       "one 'element vertex'"},
      {"ply\nelement vertex 1\n" + x + "end_header\n1\n", "'format' line"},
      {"plx\n", "expected 'ply'"},
  };
  for (const auto& [bytes, message] : lies) {
    EXPECT_NE(refusal(bytes, ".ply").find(message), std::string::npos) << message << "\n"
                                                                       << refusal(bytes, ".ply");
  }
}

}  // namespace
}  // namespace pointattn::io::test
