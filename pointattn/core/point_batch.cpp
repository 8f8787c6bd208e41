// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/point_batch.h"

#include <ATen/ATen.h>

namespace pointattn {

at::Tensor offsets_of(const std::vector<int64_t>& counts) {
  at::Tensor offsets = at::zeros({static_cast<int64_t>(counts.size()) + 1}, at::kLong);
  int64_t* row = offsets.mutable_data_ptr<int64_t>();
  for (size_t b = 0; b < counts.size(); ++b) row[b + 1] = row[b] + counts[b];
  return offsets;
}

std::vector<int64_t> counts_of(const at::Tensor& offsets) {
  const at::Tensor host = offsets.to(at::kCPU).contiguous();
  const int64_t* row = host.const_data_ptr<int64_t>();
  std::vector<int64_t> counts(static_cast<size_t>(host.numel() - 1));
  for (size_t b = 0; b < counts.size(); ++b) counts[b] = row[b + 1] - row[b];
  return counts;
}

at::Tensor to_unit_sphere(const at::Tensor& xyz) {
  if (xyz.size(0) == 0) return xyz;
  const at::Tensor wide = xyz.to(at::kDouble);
  const at::Tensor centred = wide - wide.mean(0, /*keepdim=*/true);
  const double radius = centred.square().sum(1).max().sqrt().item<double>();
  return (radius > 0 ? centred / radius : centred).to(xyz.scalar_type());
}

std::vector<int64_t> PointBatch::counts() const { return counts_of(offsets); }

PointBatch PointBatch::of(const std::vector<at::Tensor>& clouds) {
  TORCH_CHECK_VALUE(!clouds.empty(), "PointBatch::of: expected at least one cloud, got none");
  std::vector<int64_t> counts;
  counts.reserve(clouds.size());
  for (const at::Tensor& cloud : clouds) counts.push_back(cloud.size(0));
  return {at::cat(clouds), {}, offsets_of(counts)};
}

}  // namespace pointattn
