// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/point_kernels_impl.h"

namespace pointattn::ops::search {

template <>
const Kernels<float>& avx2_kernels<float>() {
  return kTable<float>;
}
template <>
const Kernels<double>& avx2_kernels<double>() {
  return kTable<double>;
}

}  // namespace pointattn::ops::search
