// SPDX-License-Identifier: Apache-2.0
#include "tests/view/clouds.h"

#include "pointattn/core/labels.h"
#include "tests/support/clouds.h"

#include <ATen/ATen.h>

#include <numeric>

namespace pointattn::test {

io::Cloud cloud_of(const at::Tensor& xyz) {
  io::Cloud cloud;
  const char* names[] = {"x", "y", "z"};
  for (int64_t axis = 0; axis < 3; ++axis)
    cloud.set(names[axis], xyz.to(at::kDouble).select(1, axis).contiguous());
  return cloud;
}

io::Cloud striped_wall(int64_t points,
                       const std::vector<double>& shares,
                       const std::vector<std::string>& names,
                       int64_t first) {
  const at::Tensor place = make_cloud(Cloud::kRandom, points, 3);
  place.select(1, 2).zero_();
  const double width = std::accumulate(shares.begin(), shares.end(), 0.0);
  place.select(1, 0).mul_(width);
  io::Cloud cloud = cloud_of(place);
  at::Tensor label = at::zeros({points}, at::kInt);
  cloud.comments.push_back("category Wall");
  double end = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    label += place.select(1, 0).ge(end).to(at::kInt);
    end += shares[i];
    const auto id = static_cast<int64_t>(i);
    cloud.comments.push_back("label " + std::to_string(first + id) + " Wall " + names[i] + " " +
                             hex(part_color(id)));
  }
  cloud.set("label", label - 1 + first);
  return cloud;
}

at::Tensor random_points(int64_t n, uint64_t seed) {
  return make_cloud(Cloud::kRandom, n, seed).to(at::kFloat);
}

}  // namespace pointattn::test
