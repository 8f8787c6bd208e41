// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/vector_attention_tile_impl.h"

namespace pointattn::ops::vector_tile {

template <>
Attend<float> baseline_attend<float>() {
  return attend<float>;
}
template <>
Attend<double> baseline_attend<double>() {
  return attend<double>;
}

}  // namespace pointattn::ops::vector_tile
