// SPDX-License-Identifier: Apache-2.0
#include "pointattn/adapters/point_labels.h"

#include <ATen/Functions.h>
#include <c10/util/Exception.h>

namespace pointattn::adapters {
namespace {

template <typename Real>
at::Tensor view(const Real* first, size_t points, int64_t stride) {
  const auto options = at::dtype(c10::CppTypeToScalarType<Real>::value);
  // from_blob() asks for a pointer even where there is nothing to point at.
  if (points == 0) return at::empty({0, 3}, options);
  return at::from_blob(
      const_cast<Real*>(first), {static_cast<int64_t>(points), 3}, {stride, 1}, options);
}

}  // namespace

at::Tensor strided_xyz(const float* first, size_t points, int64_t stride) {
  return view(first, points, stride);
}

at::Tensor strided_xyz(const double* first, size_t points, int64_t stride) {
  return view(first, points, stride);
}

PointLabels point_labels(const models::Segmentation& result,
                         const LabelMap& labels,
                         size_t points) {
  TORCH_CHECK_VALUE(result.label.defined() && result.label.dim() == 1 &&
                        result.label.size(0) == static_cast<int64_t>(points),
                    "labels of a cloud: expected one for each of its ",
                    points,
                    " points, got ",
                    result.label.defined() ? result.label.numel() : 0);
  const at::Tensor label = result.label.to(at::kCPU, at::kLong).contiguous();
  const int64_t* part = label.const_data_ptr<int64_t>();
  PointLabels found;
  found.part.assign(part, part + points);
  found.color.reserve(points);
  for (const int64_t id : found.part) found.color.push_back(labels.part(id).color);
  return found;
}

}  // namespace pointattn::adapters
