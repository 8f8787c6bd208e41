// SPDX-License-Identifier: Apache-2.0
#include "tests/io/samples.h"

#include "pointattn/core/files.h"
#include "pointattn/io/scalars.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <limits>
#include <random>

namespace pointattn::io::test {
namespace {

template <class T>
std::vector<T> notable_values() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_floating_point_v<T>) {
    return {T(-0.0),
            Limits::quiet_NaN(),
            Limits::infinity(),
            -Limits::infinity(),
            Limits::max(),
            Limits::lowest(),
            Limits::min(),
            Limits::denorm_min(),
            T(0.1),
            T(1) + Limits::epsilon()};
  } else {
    return {Limits::min(), Limits::max(), T(0), T(1), T(Limits::max() - 1)};
  }
}

Field notable_field(const std::string& name, at::ScalarType type, int64_t count, int64_t points) {
  Field field = make_field(name, type, count, points);
  with_type(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const std::vector<T> notable = notable_values<T>();
    std::mt19937_64 random(7);
    T* to = static_cast<T*>(field.values.data_ptr());
    for (int64_t i = 0; i < points * count; ++i) {
      const auto drawn = random();
      const bool listed = i < static_cast<int64_t>(notable.size());
      to[i] = listed                  ? notable[i]
              : std::is_integral_v<T> ? T(drawn)
                                      : T(std::ldexp(double(drawn), -40));
    }
  });
  return field;
}

Cloud plain_cloud() {
  Cloud cloud;
  cloud.set("x", at::tensor({0.0F, 1.5F, -2.25F, 1e-7F}));
  cloud.set("y", at::tensor({3.0, 0.1, 1e9, -0.5}, at::kDouble));
  cloud.set("z", at::tensor({1, -2, 30000, 4}, at::kInt));
  cloud.set("label", at::tensor({0, 255, 7, 9}, at::kByte));
  cloud.comments = {"first remark"};
  return cloud;
}

}  // namespace

Cloud cloud_of_every_type(int64_t points, bool with_64_bit_integers) {
  Cloud cloud;
  for (const char* name : {"x", "y", "z"})
    cloud.fields.push_back(notable_field(name, at::kFloat, 1, points));
  std::vector<at::ScalarType> types = {
      at::kByte, at::kChar, at::kUInt16, at::kShort, at::kUInt32, at::kInt, at::kDouble};
  if (with_64_bit_integers) types.insert(types.end(), {at::kLong, at::kUInt64});
  for (const at::ScalarType type : types) {
    cloud.fields.push_back(
        notable_field(std::string("of_") + c10::toString(type), type, 1, points));
  }
  return cloud;
}

void expect_same_fields(const Cloud& got, const Cloud& expected) {
  ASSERT_EQ(got.fields.size(), expected.fields.size());
  for (size_t i = 0; i < got.fields.size(); ++i) {
    const Field &a = got.fields[i], &b = expected.fields[i];
    SCOPED_TRACE(b.name);
    EXPECT_EQ(a.name, b.name);
    ASSERT_EQ(a.values.scalar_type(), b.values.scalar_type());
    ASSERT_EQ(a.values.sizes(), b.values.sizes());
    ASSERT_TRUE(a.values.is_contiguous() && b.values.is_contiguous());
    if (b.values.nbytes() == 0) continue;
    EXPECT_EQ(std::memcmp(a.values.const_data_ptr(), b.values.const_data_ptr(), b.values.nbytes()),
              0);
  }
}

std::string written(const Cloud& cloud, const std::string& extension, Encoding encoding) {
  const pointattn::test::ScratchFolder folder;
  write_cloud(folder / ("cloud" + extension), cloud, encoding);
  return read_file(folder / ("cloud" + extension));
}

Cloud parsed(const std::string& bytes, const std::string& extension) {
  // One folder for all: the damaged files are many.
  static const pointattn::test::ScratchFolder folder;
  const auto path = folder / ("cloud" + extension);
  std::ofstream(path, std::ios::binary) << bytes;
  return read_cloud(path);
}

std::string refusal(const std::string& bytes, const std::string& extension) {
  try {
    parsed(bytes, extension);
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "no error";
}

std::vector<SampleFile> sample_files() {
  const Cloud cloud = plain_cloud();
  Cloud mesh = cloud;
  mesh.triangles = at::tensor({0, 1, 2, 2, 3, 0}, at::kLong).view({2, 3});
  return {
      {"ascii PCD", ".pcd", written(cloud, ".pcd", Encoding::kAscii)},
      {"binary PCD", ".pcd", written(cloud, ".pcd", Encoding::kBinary)},
      {"compressed PCD", ".pcd", written(cloud, ".pcd", Encoding::kCompressed)},
      {"ascii PLY", ".ply", written(mesh, ".ply", Encoding::kAscii)},
      {"binary PLY", ".ply", written(mesh, ".ply", Encoding::kBinary)},
      {"text", ".xyz", "# x y z label\n1 2 3 4\n4.5 -6e-3 nan 7\n8 9 10 11\n"},
      {"text with a count", ".pts", "3\n1 2 3\n4.5 -6e-3 7\n8 9 10\n"},
      {"csv", ".csv", "x,y,z,r,g,b\n1,2,3,4,5,6\n7,8,9,10,11,12\n"},
      {"OFF", ".off", off_text()},
      {"OBJ", ".obj", obj_text()},
      {"ascii STL", ".stl", stl_text()},
      {"binary STL", ".stl", stl_bytes()},
  };
}

void PrintTo(const SampleFile& file, std::ostream* out) { *out << file.what; }

std::string off_text() {
  return "OFF # a square and its diagonal\n4 3 0\n0 0 0\n1 0 0\n1 1 0.5\n0 1 0\n3 0 1 2\n3 0 2 "
         "3\n4 0 1 2 3 255 0 0\n";
}

std::string obj_text() {
  return "# made by hand\nmtllib none.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0.5\nv 0 1 0\nv 5 5 5\nvt 0 "
         "0\nvn 0 0 1\n"
         "usemtl a\nf 1/1/1 2/1/1 3//1\nf -5 -3 -2\nf 1 2 3 4\n";
}

std::string stl_text() {
  const std::string start = "facet normal 0 0 1\n outer loop\n  vertex 0 0 0\n";
  const std::string stop = " endloop\nendfacet\n";
  return "solid square\n" + start + "  vertex 1 0 0\n  vertex 1 1 0.5\n" + stop + start +
         "  vertex 1 1 0.5\n  vertex 0 1 -0\n" + stop + "endsolid square\n";
}

std::string stl_bytes() {
  const float facets[2][12] = {{0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 1, 0.5F},
                               {0, 0, 1, 0, 0, 0, 1, 1, 0.5F, 0, 1, -0.0F}};
  std::string bytes("solid but binary");
  bytes.resize(80);
  const uint32_t count = 2;
  bytes.append(reinterpret_cast<const char*>(&count), sizeof(count));
  for (const auto& facet : facets) {
    bytes.append(reinterpret_cast<const char*>(facet), sizeof(facet)).append(2, '\0');
  }
  return bytes;
}

}  // namespace pointattn::io::test
