// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/pooling.h"

#include "pointattn/core/check.h"
#include "pointattn/core/point_batch.h"

#include <ATen/ATen.h>

namespace pointattn::nn {
namespace {

template <typename Reduce>
at::Tensor pool(const char* name,
                const at::Tensor& feat,
                const at::Tensor& offsets,
                const Reduce& reduce) {
  const std::vector<int64_t> rows = checked_offsets(name, offsets, "offsets", feat.size(0));
  std::vector<int64_t> counts;
  for (size_t b = 1; b < rows.size(); ++b) {
    counts.push_back(rows[b] - rows[b - 1]);
    TORCH_CHECK_VALUE(
        counts.back() > 0, name, ": expected a point in every cloud, got none in cloud ", b - 1);
  }
  // One split, not a slice a cloud: the gradient is then joined once instead of being padded to
  // [N,C] for every cloud.
  std::vector<at::Tensor> pooled;
  for (const at::Tensor& cloud : feat.split_with_sizes(counts)) pooled.push_back(reduce(cloud));
  return at::stack(pooled);
}

}  // namespace

at::Tensor max_pool(const at::Tensor& feat, const at::Tensor& offsets) {
  return pool("max_pool", feat, offsets, [](const at::Tensor& cloud) { return cloud.amax(0); });
}

at::Tensor mean_pool(const at::Tensor& feat, const at::Tensor& offsets) {
  return pool("mean_pool", feat, offsets, [](const at::Tensor& cloud) { return cloud.mean(0); });
}

at::Tensor repeat_per_point(const at::Tensor& rows, const at::Tensor& offsets) {
  const std::vector<int64_t> counts = counts_of(offsets);
  TORCH_CHECK_VALUE(rows.size(0) == static_cast<int64_t>(counts.size()),
                    "repeat_per_point: expected a row for each of ",
                    counts.size(),
                    " clouds, got ",
                    rows.size(0));
  // Expanding each row keeps the gradient a plain sum over the cloud.
  std::vector<at::Tensor> repeated;
  for (size_t b = 0; b < counts.size(); ++b) {
    repeated.push_back(
        rows[static_cast<int64_t>(b)].unsqueeze(0).expand({counts[b], rows.size(1)}));
  }
  return at::cat(repeated);
}

}  // namespace pointattn::nn
