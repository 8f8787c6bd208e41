// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace pointattn {

/// Random numbers that are the same on every machine and with every standard library: SplitMix64
/// (Steele, Lea and Flood, OOPSLA 2014). Streams are made from a seed and up to three numbers
/// (epoch, sample, …), so any draw can be repeated without storing a generator's state.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  Random(uint64_t seed, uint64_t a, uint64_t b = 0, uint64_t c = 0) : state_(seed) {
    for (const uint64_t part : {a, b, c}) state_ = next() ^ (part * 0xD1342543DE82EF95ULL);
  }

  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  /// Uniform in [0,1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform in 0 … n−1; n > 0. (The bias of the multiplication is below n / 2^64.)
  uint64_t below(uint64_t n) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
  }
  /// Uniform in low … high, both included.
  int count(int low, int high) { return low + static_cast<int>(below(static_cast<uint64_t>(high - low + 1))); }
  bool chance(double probability) { return uniform() < probability; }
  /// Standard normal (Box and Muller 1958).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

 private:
  uint64_t state_;
};

}  // namespace pointattn
