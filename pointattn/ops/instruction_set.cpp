// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/instruction_set.h"

#include <ATen/Version.h>

#include <string>

namespace pointattn::ops {
namespace {

InstructionSet find() {
#if defined(__x86_64__)
  const std::string capability = at::get_cpu_capability();
  const bool wide = capability == "AVX512";
  if (wide && __builtin_cpu_supports("x86-64-v4")) return InstructionSet::kAvx512;
  if ((wide || capability == "AVX2") && __builtin_cpu_supports("x86-64-v3"))
    return InstructionSet::kAvx2;
#endif
  return InstructionSet::kBaseline;
}

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet found = find();
  return found;
}

}  // namespace pointattn::ops
