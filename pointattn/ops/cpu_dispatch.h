// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/instruction_set.h"

namespace pointattn::ops {

/// Instruction sets by hand: `Kernel::run` (static, always_inline) is compiled for the baseline,
/// AVX2 and AVX-512, and the one for instruction_set() is called. Compiled functions rather than
/// ifunc resolvers, which crash under the address sanitizer. Sources that use it are built with
/// -ffp-contract=off, so all versions agree bit for bit.
template <typename Kernel, typename... Args>
void run_baseline(Args... args) {
  Kernel::run(args...);
}

#if defined(__x86_64__)
template <typename Kernel, typename... Args>
[[gnu::target("arch=x86-64-v3")]] void run_avx2(Args... args) {
  Kernel::run(args...);
}

template <typename Kernel, typename... Args>
[[gnu::target("arch=x86-64-v4,prefer-vector-width=512")]] void run_avx512(Args... args) {
  Kernel::run(args...);
}
#endif

template <typename Kernel, typename... Args>
void run_widest(Args... args) {
#if defined(__x86_64__)
  if (instruction_set() == InstructionSet::kAvx512) return run_avx512<Kernel, Args...>(args...);
  if (instruction_set() == InstructionSet::kAvx2) return run_avx2<Kernel, Args...>(args...);
#endif
  run_baseline<Kernel, Args...>(args...);
}

}  // namespace pointattn::ops
