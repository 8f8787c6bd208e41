// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/polygons.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace pointattn::io {

void Polygons::add(const std::vector<int64_t>& corners) {
  for (size_t i = 2; i < corners.size(); ++i) {
    corners_.insert(corners_.end(), {corners[0], corners[i - 1], corners[i]});
  }
}

at::Tensor Polygons::triangles() const {
  const auto count = static_cast<int64_t>(corners_.size() / 3);
  at::Tensor triangles = at::empty({count, 3}, at::TensorOptions(at::kLong));
  std::copy(corners_.begin(), corners_.end(), triangles.mutable_data_ptr<int64_t>());
  return triangles;
}

}  // namespace pointattn::io
