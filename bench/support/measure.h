// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace pointattn::bench {

struct Measurement {
  double milliseconds = 0;  ///< median
  int runs = 0;
  int64_t peak_bytes =
      -1;  ///< most memory that a run held beyond what was held before, -1 where it cannot be seen
};

/// One warm-up run, then `runs` timed ones, or fewer (at least one) once they have taken `seconds`.
Measurement measure(const std::function<void()>& work, int runs = 9, double seconds = 20);

/// GFLOP/s of a float32 matrix product of LibTorch that fits the caches: the yardstick beside every
/// figure.
double gemm_peak();

}  // namespace pointattn::bench
