// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace pointattn::ops {

/// What the inner loops of the CPU operators are compiled for.
enum class InstructionSet { kBaseline, kAvx2, kAvx512 };

/// The widest that the processor has. As in LibTorch, ATEN_CPU_CAPABILITY=default, avx2 or avx512
/// in the environment asks for a narrower one. Knows nothing of LibTorch.
InstructionSet instruction_set();

}  // namespace pointattn::ops
