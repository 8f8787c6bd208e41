// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace pointattn::ops {

/// Instruction sets by hand: `Kernel::run` (static, always_inline) is compiled for the baseline,
/// AVX2 and AVX-512, and the widest that the processor has is called. Compiled functions rather
/// than ifunc resolvers, which crash under the address sanitizer. Sources that use it are built
/// with -ffp-contract=off, so all versions agree bit for bit.
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
  static const auto chosen = __builtin_cpu_supports("x86-64-v4")   ? run_avx512<Kernel, Args...>
                             : __builtin_cpu_supports("x86-64-v3") ? run_avx2<Kernel, Args...>
                                                                   : run_baseline<Kernel, Args...>;
  chosen(args...);
#else
  run_baseline<Kernel, Args...>(args...);
#endif
}

}  // namespace pointattn::ops
