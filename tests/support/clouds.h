// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace pointattn::test {

/// Shapes of clouds that neighbour searches find hard.
enum class Cloud {
  kRandom,
  kDuplicates,
  kCollinear,
  kLattice,
  kFarAway,
  kCoplanar,
  kClustered,
  kRepeated
};
inline constexpr Cloud kClouds[] = {Cloud::kRandom,
                                    Cloud::kDuplicates,
                                    Cloud::kCollinear,
                                    Cloud::kLattice,
                                    Cloud::kFarAway,
                                    Cloud::kCoplanar,
                                    Cloud::kClustered,
                                    Cloud::kRepeated};

inline const char* cloud_name(Cloud cloud) {
  constexpr const char* kNames[] = {"random",
                                    "duplicates",
                                    "collinear",
                                    "lattice",
                                    "far_away",
                                    "coplanar",
                                    "clustered",
                                    "repeated"};
  return kNames[static_cast<int>(cloud)];
}

/// [n,3] float64 on the CPU, the same for the same seed. Lattice and duplicates have whole
/// coordinates, so ties are exact.
inline at::Tensor make_cloud(Cloud cloud, int64_t n, uint64_t seed) {
  at::Generator generator = at::globalContext().defaultGenerator(at::kCPU).clone();
  generator.set_current_seed(seed);
  const auto options = at::dtype(at::kDouble);
  switch (cloud) {
    case Cloud::kRandom:
      return at::rand({n, 3}, generator, options);
    case Cloud::kDuplicates:
      return at::ones({n, 3}, options);
    case Cloud::kCollinear:
      return at::rand({n, 1}, generator, options) * at::tensor({1.0, 2.0, -1.0}, options);
    case Cloud::kLattice:
      return at::randint(0, 4, {n, 3}, generator, options);
    case Cloud::kFarAway:
      return at::rand({n, 3}, generator, options) + 1e6;
    case Cloud::kCoplanar:
      return at::rand({n, 3}, generator, options) * at::tensor({1.0, 0.0, 2.0}, options) + 0.25;
    case Cloud::kClustered: {  // from points a millionth apart to ones a hundred apart
      const at::Tensor scale = at::pow(10.0, 8 * at::rand({n, 1}, generator, options) - 6);
      return at::randn({n, 3}, generator, options) * scale;
    }
    case Cloud::kRepeated:  // few places, many points at each
      return at::randint(0, 3, {n, 3}, generator, options) * 0.1;
  }
  return {};
}

}  // namespace pointattn::test
