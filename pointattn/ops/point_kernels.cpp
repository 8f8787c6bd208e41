// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/point_kernels.h"

namespace pointattn::ops::search {

template <typename T>
const Kernels<T>& kernels() {
#if defined(__x86_64__)
  static const Kernels<T>& chosen = __builtin_cpu_supports("x86-64-v4")   ? avx512_kernels<T>()
                                    : __builtin_cpu_supports("x86-64-v3") ? avx2_kernels<T>()
                                                                          : baseline_kernels<T>();
  return chosen;
#else
  return baseline_kernels<T>();
#endif
}

template const Kernels<float>& kernels();
template const Kernels<double>& kernels();

}  // namespace pointattn::ops::search
