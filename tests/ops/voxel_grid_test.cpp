// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/voxel_grid.h"

#include "pointattn/core/point_batch.h"
#include "tests/ops/ops_test.h"
#include "tests/support/clouds.h"

#include <array>
#include <map>

namespace pointattn::ops {
namespace {

using test::Cloud;
using test::make_cloud;
using test::value_error;

class VoxelGridTest : public testing::TestWithParam<at::ScalarType> {};

TEST_P(VoxelGridTest, CellsAreThoseOfTheFormula) {
  for (Cloud kind : test::kClouds) {
    for (double size : {0.013, 0.3, 1e3}) {
      const at::Tensor points = make_cloud(kind, 2500, 1).to(GetParam());
      const Voxels got = voxel_grid(points - 0.5, offsets_of({2500}), size);
      const at::Tensor wide = (points - 0.5).to(at::kDouble);
      const at::Tensor cells = (wide / size).floor();
      std::map<std::array<double, 3>, int64_t> seen;
      std::vector<int64_t> expected;
      for (int64_t i = 0; i < 2500; ++i) {
        const double* c = cells.const_data_ptr<double>() + 3 * i;
        const int64_t next = static_cast<int64_t>(seen.size());
        expected.push_back(seen.try_emplace({c[0], c[1], c[2]}, next).first->second);
      }
      SCOPED_TRACE(testing::Message() << test::cloud_name(kind) << " " << size);
      EXPECT_TRUE(at::equal(got.voxel, at::tensor(expected, at::kLong)));
      const int64_t voxels = static_cast<int64_t>(seen.size());
      ASSERT_EQ(got.xyz.sizes(), (at::IntArrayRef{voxels, 3}));
      const at::Tensor counts = at::bincount(got.voxel, {}, voxels);
      EXPECT_TRUE(at::equal(got.count, counts));
      const at::Tensor sums = at::zeros({voxels, 3}, at::kDouble).index_add(0, got.voxel, wide);
      EXPECT_TRUE(at::allclose(got.xyz.to(at::kDouble), sums / counts.unsqueeze(1), 1e-6, 1e-9));
    }
  }
}

TEST_P(VoxelGridTest, UnevenBatchEqualsItsClouds) {
  const at::Tensor points = make_cloud(Cloud::kRandom, 5 + 0 + 300, 2).to(GetParam());
  const Voxels got = voxel_grid(points, offsets_of({5, 0, 300}), 0.2);
  const Voxels first = voxel_grid(points.narrow(0, 0, 5), offsets_of({5}), 0.2);
  const Voxels last = voxel_grid(points.narrow(0, 5, 300), offsets_of({300}), 0.2);
  const int64_t split = first.xyz.size(0);
  EXPECT_TRUE(at::equal(got.offsets, at::tensor({int64_t{0}, split, split, got.xyz.size(0)})));
  EXPECT_TRUE(at::equal(got.xyz, at::cat({first.xyz, last.xyz})));
  EXPECT_TRUE(at::equal(got.voxel, at::cat({first.voxel, last.voxel + split})));
  EXPECT_EQ(voxel_grid(points.narrow(0, 0, 0), offsets_of({0}), 1).xyz.size(0), 0);
}

TEST_P(VoxelGridTest, BadInputIsRefused) {
  const at::Tensor points = make_cloud(Cloud::kFarAway, 4, 3).to(GetParam());
  const at::Tensor four = offsets_of({4});
  EXPECT_EQ(value_error([&] { voxel_grid(points, four, 0); }),
            "voxel_grid: expected a finite size above 0, got 0");
  EXPECT_EQ(value_error([&] { voxel_grid(points / 0, four, 1); }),
            "voxel_grid: expected finite points, got NaN or infinity in row 0");
  EXPECT_NE(value_error([&] { voxel_grid(points, four, 1e-12); }).find("numbers the cells"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Dtypes,
                         VoxelGridTest,
                         testing::Values(at::kFloat, at::kDouble),
                         [](const auto& info) {
                           return info.param == at::kFloat ? "float32" : "float64";
                         });

}  // namespace
}  // namespace pointattn::ops
