// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/files.h"
#include "tests/io/samples.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

namespace pointattn::io::test {
namespace {

TEST(Mesh, OffKeepsVerticesAndFansPolygons) {
  const at::Tensor triangles =
      at::tensor({0, 1, 2, 0, 2, 3, 0, 1, 2, 0, 2, 3}, at::kLong).view({4, 3});
  const Cloud cloud = parsed(off_text(), ".off");
  EXPECT_EQ(cloud.points(), 4);
  EXPECT_EQ(cloud.xyz()[2][2].item<double>(), 0.5);
  EXPECT_TRUE(at::equal(cloud.triangles, triangles));
  // As ModelNet40 has it, and with colours behind the coordinates.
  EXPECT_EQ(parsed("OFF4 1 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n", ".off").triangles.size(0),
            2);
  EXPECT_EQ(
      parsed("COFF\n3 1 0\n0 0 0 255 0 0 255\n1 0 0 0 0 0 1\n0 1 0 1 1 1 1\n3 0 1 2\n", ".off")
          .points(),
      3);
}

TEST(Mesh, ObjKeepsUnusedVerticesAndTheirOrder) {
  const Cloud cloud = parsed(obj_text(), ".obj");
  EXPECT_EQ(cloud.points(), 5);
  EXPECT_EQ(cloud.xyz()[4][0].item<double>(), 5);
  EXPECT_TRUE(at::equal(cloud.triangles,
                        at::tensor({0, 1, 2, 0, 2, 3, 0, 1, 2, 0, 2, 3}, at::kLong).view({4, 3})));
  const Cloud coloured = parsed("v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 0.5\nf 1 2 3\n", ".obj");
  EXPECT_TRUE(at::equal(coloured.colors(),
                        at::tensor({255, 0, 0, 0, 255, 0, 0, 0, 128}, at::kByte).view({3, 3})));
}

TEST(Mesh, StlJoinsEqualCorners) {
  for (const std::string& bytes : {stl_text(), stl_bytes()}) {
    const Cloud cloud = parsed(bytes, ".stl");
    EXPECT_EQ(cloud.points(), 4);
    EXPECT_TRUE(at::equal(cloud.triangles, at::tensor({0, 1, 2, 0, 2, 3}, at::kLong).view({2, 3})));
  }
}

TEST(Mesh, RefusesWhatCannotBeTrue) {
  const std::string vertices = "0 0 0\n1 0 0\n0 1 0\n";
  const std::map<std::string, std::string> off = {
      {"OFF\n1000000000000 1 0\n" + vertices, "1000000000000 vertices"},
      {"OFF\n3 1000000000000 0\n" + vertices, "1000000000000 faces"},
      {"OFF\n-3 1 0\n" + vertices, "numbers of vertices and faces"},
      {"OFF\n3 1 0\n" + vertices + "3 0 1 3\n", "line 6: expected a vertex from 0 to 2, got 3"},
      {"OFF\n3 1 0\n" + vertices + "2147483648 0 1 2\n", "2147483648 corners"},
      {"OFF\n3 1 0\n" + vertices + "3 0 1 2\n3 0 1 2\n", "the end of the file after 1 faces"},
      {"OFF\n3 1 0\n0 0\n1 0 0\n0 1 0\n3 0 1 2\n", "line 3: expected three numbers of a vertex"},
      {"OFF BINARY\n", "a binary one"},
      {"FFO\n", "expected 'OFF'"},
  };
  for (const auto& [bytes, message] : off) {
    EXPECT_NE(refusal(bytes, ".off").find(message), std::string::npos) << message << "\n"
                                                                       << refusal(bytes, ".off");
  }
  EXPECT_NE(refusal("v 0 0 0\nf 1 2 3\n", ".obj").find("line 2: expected a vertex up to 1, got 3"),
            std::string::npos);
  EXPECT_NE(refusal("v 0 0 0\nf 1 -2 1\n", ".obj").find("expected a vertex from -1 on, got -2"),
            std::string::npos);
  EXPECT_NE(refusal("v 0 0 0\nf 1 0 1\n", ".obj").find("got '0'"), std::string::npos);
  std::string stl = stl_bytes();
  stl[83] = '\x7f';
  stl[0] = 'S';
  EXPECT_NE(refusal(stl, ".stl").find("triangles of 50 bytes"), std::string::npos);
}

/// Vertices and faces as a plain loop over the words of the file finds them.
std::pair<int64_t, int64_t> counts_of(const std::filesystem::path& path) {
  std::istringstream in(read_file(path));
  std::pair<int64_t, int64_t> counts{0, 0};
  std::string word;
  if (path.extension() == ".off") {
    in >> word >> counts.first >> counts.second;
    return counts;
  }
  for (std::string line; std::getline(in, line);) {
    counts.first += line.starts_with("v ");
    counts.second += line.starts_with("f ");
  }
  return counts;
}

TEST(Mesh, ReadsRealMeshes) {
  POINTATTN_NEED_DATA(data);
  int files = 0;
  for (const char* folder : {"psb_off", "meshcnn_obj"}) {
    for (const auto& entry : std::filesystem::directory_iterator(data / "meshes" / folder)) {
      if (entry.path().extension() != ".off" && entry.path().extension() != ".obj") continue;
      SCOPED_TRACE(entry.path().string());
      const Cloud mesh = read_cloud(entry.path());
      const auto [vertices, faces] = counts_of(entry.path());
      EXPECT_EQ(mesh.points(), vertices);
      EXPECT_EQ(mesh.triangles.size(0), faces);  // all of them are triangles
      EXPECT_EQ(sample_mesh(mesh, 100, 1).points(), 100);
      ++files;
    }
  }
  EXPECT_EQ(files, 23);
}

/// A triangle of area 1/2 at z = 0 and one of area 2 at z = 5.
Cloud two_triangles() {
  return parsed("OFF\n6 3 0\n0 0 0\n1 0 0\n0 1 0\n0 0 5\n0 2 5\n2 0 5\n3 0 1 2\n3 3 4 5\n3 0 0 1\n",
                ".off");
}

TEST(SampleMesh, DrawsByAreaAndUniformlyOnEachTriangle) {
  constexpr int64_t kPoints = 100000;
  const Cloud cloud = sample_mesh(two_triangles(), kPoints, 3);
  const at::Tensor xyz = cloud.xyz();
  const at::Tensor on_large = xyz.select(1, 2).eq(5);
  // Four standard deviations of a binomial with p = 0.8 are 506.
  EXPECT_NEAR(on_large.sum().item<double>(), 0.8 * kPoints, 506);
  EXPECT_TRUE(xyz.select(1, 2).eq(0).logical_or(on_large).all().item<bool>());
  // The large triangle in four congruent parts: chi-square with 3 degrees of freedom, 21.1 is its
  // 1e-4 quantile.
  const at::Tensor large = xyz.index({on_large});
  const at::Tensor u = large.select(1, 0) / 2, v = large.select(1, 1) / 2;
  const double total = static_cast<double>(large.size(0));
  const double parts[] = {u.ge(0.5).sum().item<double>(),
                          v.ge(0.5).sum().item<double>(),
                          (u + v).lt(0.5).sum().item<double>()};
  double chi_square = 0, rest = total;
  for (const double part : parts) {
    chi_square += (part - total / 4) * (part - total / 4) / (total / 4);
    rest -= part;
  }
  chi_square += (rest - total / 4) * (rest - total / 4) / (total / 4);
  EXPECT_LT(chi_square, 21.1);
  EXPECT_TRUE((u + v).le(1 + 1e-6).all().item<bool>());
}

TEST(SampleMesh, GivesTheNormalOfTheTriangle) {
  const Cloud cloud = sample_mesh(two_triangles(), 1000, 3);
  const at::Tensor z = cloud.find("z")->values, nz = cloud.find("nz")->values;
  EXPECT_TRUE(at::equal(nz, at::where(z.eq(5), at::full({}, -1.0F), at::full({}, 1.0F))));
  EXPECT_EQ(cloud.find("nx")->values.abs().max().item<float>(), 0);
}

TEST(SampleMesh, ASeedFixesTheDrawAndAPrefixStays) {
  const Cloud mesh = two_triangles();
  expect_same_fields(sample_mesh(mesh, 50000, 9), sample_mesh(mesh, 50000, 9));
  const at::Tensor first = sample_mesh(mesh, 50000, 9).find("x")->values;
  EXPECT_FALSE(at::equal(first, sample_mesh(mesh, 50000, 10).find("x")->values));
  EXPECT_TRUE(at::equal(first.narrow(0, 0, 10), sample_mesh(mesh, 10, 9).find("x")->values));
  EXPECT_EQ(sample_mesh(mesh, 0, 9).points(), 0);
}

TEST(SampleMesh, RefusesWhatHasNoArea) {
  EXPECT_THROW(sample_mesh(parsed("1 2 3\n", ".xyz"), 5, 0), c10::ValueError);
  EXPECT_THROW(sample_mesh(parsed("OFF\n2 1 0\n0 0 0\n1 0 0\n3 0 1 1\n", ".off"), 5, 0),
               c10::ValueError);
  EXPECT_THROW(sample_mesh(parsed("OFF\n3 1 0\n0 0 0\n1 0 0\nnan 0 0\n3 0 1 2\n", ".off"), 5, 0),
               c10::ValueError);
  EXPECT_THROW(sample_mesh(two_triangles(), -1, 0), c10::ValueError);
  Cloud broken = two_triangles();
  broken.triangles[0][0] = 6;
  EXPECT_THROW(sample_mesh(broken, 5, 0), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::io::test
