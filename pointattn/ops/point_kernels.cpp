// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/point_kernels.h"

#include "pointattn/ops/instruction_set.h"

namespace pointattn::ops::search {

template <typename T>
const Kernels<T>& kernels() {
#if defined(__x86_64__)
  if (instruction_set() == InstructionSet::kAvx512) return avx512_kernels<T>();
  if (instruction_set() == InstructionSet::kAvx2) return avx2_kernels<T>();
#endif
  return baseline_kernels<T>();
}

template const Kernels<float>& kernels();
template const Kernels<double>& kernels();

}  // namespace pointattn::ops::search
