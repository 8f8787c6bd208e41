// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace pointattn::bench {

struct Measurement {
  double median_ms = 0;
  double best_ms = 0;
  int runs = 0;
  int64_t peak_bytes = -1;  ///< most memory held beyond what was held before; -1 where unseen
};

/// One warm-up run of each, then up to `runs` rounds (at least one) until they have taken
/// `seconds`. A round runs every candidate once, so that whatever else the machine does falls on
/// all of them.
std::vector<Measurement> measure(const std::vector<std::function<void()>>& candidates,
                                 int runs = 9,
                                 double seconds = 30);

/// Most memory that one run of `work` held beyond what was held before, in bytes; -1 where it
/// cannot be seen.
int64_t peak_of(const std::function<void()>& work);

/// GFLOP/s of a float32 matrix product of LibTorch that fits the caches: the yardstick beside every
/// figure.
double gemm_peak();

}  // namespace pointattn::bench
