// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention_tile_impl.h"

namespace pointattn::ops::tile {

template <>
const Kernels<float>& baseline_kernels<float>() {
  return kTable<float>;
}
template <>
const Kernels<double>& baseline_kernels<double>() {
  return kTable<double>;
}

}  // namespace pointattn::ops::tile
