// SPDX-License-Identifier: Apache-2.0
// Clouds that several blocks share, which tests of the operator are too small for.
#include "cuda/farthest_point_sample.h"

#include <ATen/ATen.h>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace pointattn::test {
namespace {

std::vector<int64_t> by_definition(const at::Tensor& xyz, int64_t count) {
  at::Tensor least = at::full({xyz.size(0)}, std::numeric_limits<float>::infinity());
  std::vector<int64_t> taken = {0};
  while (static_cast<int64_t>(taken.size()) < count) {
    least[taken.back()] = -1;
    const at::Tensor d = (xyz - xyz[taken.back()]).square();
    // In the order of the kernel: x and y first.
    least = at::minimum(least, d.select(1, 0) + d.select(1, 1) + d.select(1, 2));
    taken.push_back(least.argmax().item<int64_t>());
  }
  return taken;
}

std::vector<int64_t> by_blocks(const std::vector<at::Tensor>& clouds, int64_t count) {
  std::vector<int64_t> offsets = {0}, starts = {0};
  int64_t most = 0;
  for (const at::Tensor& cloud : clouds) {
    offsets.push_back(offsets.back() + cloud.size(0));
    starts.push_back(starts.back() + count);
    most = std::max(most, cloud.size(0));
  }
  const at::Tensor xyz = at::cat(clouds);
  std::vector<float> sq_dist(static_cast<size_t>(xyz.size(0)));
  std::vector<cuda::Farthest<float>> found(clouds.size() * 2 * cuda::kMostBlocksOfACloud);
  std::vector<unsigned> arrived(clouds.size());
  std::vector<int64_t> taken(static_cast<size_t>(starts.back()), -1);
  cuda::FarthestPointSampleParams<float> params{};
  params.points = xyz.const_data_ptr<float>();
  params.offsets = offsets.data();
  params.starts = starts.data();
  params.clouds = static_cast<int64_t>(clouds.size());
  params.most_points = most;
  params.sq_dist = sq_dist.data();
  params.found = found.data();
  params.arrived = arrived.data();
  params.taken = taken.data();
  cuda::launch_farthest_point_sample(params, nullptr);
  return taken;
}

void expect_definition(const std::vector<at::Tensor>& clouds, int64_t count) {
  const std::vector<int64_t> taken = by_blocks(clouds, count);
  int64_t first = 0;
  for (size_t b = 0; b < clouds.size(); ++b) {
    std::vector<int64_t> expected = by_definition(clouds[b], count);
    for (int64_t& row : expected) row += first;
    const auto begin = taken.begin() + static_cast<int64_t>(b) * count;
    EXPECT_EQ(std::vector<int64_t>(begin, begin + count), expected) << "cloud " << b;
    first += clouds[b].size(0);
  }
}

class FarthestBlocks : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { emulated::processors = GetParam(); }
  void TearDown() override { emulated::processors = 8; }
};

TEST_P(FarthestBlocks, ShareACloudAndFindTheSame) {
  at::manual_seed(1);
  expect_definition({at::rand({10'000, 3})}, 12);
  // Ties between points of different blocks go to the lower row.
  const at::Tensor grid = (at::rand({9'000, 3}) * 4).floor();
  expect_definition({grid}, 80);
  expect_definition({at::rand({5'000, 3}), at::rand({30, 3}), at::rand({9'000, 3})}, 9);
}

INSTANTIATE_TEST_SUITE_P(Processors, FarthestBlocks, testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace pointattn::test
