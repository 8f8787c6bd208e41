// SPDX-License-Identifier: Apache-2.0
#include "pointattn/matching/unit_rows.h"

#include <ATen/ATen.h>

#include <limits>

namespace pointattn::matching {

at::Tensor unit_rows(const at::Tensor& rows) {
  // A constant factor does not change a direction, so the gradient need not know of it.
  const at::Tensor largest = rows.detach().abs().amax(-1, /*keepdim=*/true);
  const at::Tensor zero = largest.eq(0);
  const at::Tensor scaled = rows / largest.masked_fill(zero, 1);
  const at::Tensor length = scaled.square().sum(-1, /*keepdim=*/true).masked_fill(zero, 1).sqrt();
  return (scaled / length).masked_fill(zero, 0);  // so that no gradient passes
}

at::Tensor divide_by_length(const at::Tensor& numerator, const at::Tensor& squared_length) {
  const double rounding = numerator.scalar_type() == at::kDouble
                              ? std::numeric_limits<double>::epsilon()
                              : std::numeric_limits<float>::epsilon();
  const at::Tensor none = squared_length.le(rounding * rounding);
  return (numerator / squared_length.masked_fill(none, 1).sqrt()).masked_fill(none, 0);
}

at::Tensor cosines(const at::Tensor& phrases, const at::Tensor& parts) {
  const int64_t width = phrases.size(2);
  const at::Tensor all =
      at::matmul(phrases.reshape({-1, width}), parts.reshape({-1, width}).transpose(0, 1));
  return all.view({phrases.size(0), phrases.size(1), parts.size(0), parts.size(1)});
}

}  // namespace pointattn::matching
