// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::matching {

/// Rows (last dimension) scaled to unit length without overflow or underflow; zero rows stay zero
/// and get no gradient.
at::Tensor unit_rows(const at::Tensor& rows);

/// numerator / length, elementwise, 0 where the length is below the dtype's rounding: a mean of unit
/// rows that cancel has no direction. No gradient there.
at::Tensor divide_by_length(const at::Tensor& numerator, const at::Tensor& squared_length);

/// Cosines of unit phrases [W,T,E] and unit parts [R,S,E] → [W,T,R,S]: sums over phrases or parts
/// then add whole rows of shapes.
at::Tensor cosines(const at::Tensor& phrases, const at::Tensor& parts);

}  // namespace pointattn::matching
