// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace pointattn::datasets {

/// SplitMix64 (Steele, Lea, Flood 2014). The distributions of the standard library differ between
/// implementations, so the numbers are made here: a seed gives the same shape with every compiler.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  /// Uniform in [0,1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double between(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform in 0 … count-1; the bias of the remainder is below 1e-15 for the small counts used
  /// here.
  int below(int count) { return static_cast<int>(next() % static_cast<uint64_t>(count)); }
  /// Uniform in low … high, both included.
  int count(int low, int high) { return low + below(high - low + 1); }
  bool chance(double probability) { return uniform() < probability; }
  /// Standard normal (Box and Muller 1958).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

 private:
  uint64_t state_;
};

/// Folds a value into a hash, so that (seed, category, index) become one well mixed seed.
inline uint64_t mixed(uint64_t hash, uint64_t value) {
  return Random(hash ^ (value * 0xD6E8FEB86659FD93u)).next();
}

/// FNV-1a: categories are hashed by name, so that a new category changes no shape of the others.
inline uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

}  // namespace pointattn::datasets
