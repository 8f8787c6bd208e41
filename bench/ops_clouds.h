// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace pointattn::bench {

/// [N,3] float32, points in random order: cube (uniform), cluster (32 small cubes), plane, line,
/// duplicates (20 points a place), lattice (whole numbers), or a file, which has its own N and order.
at::Tensor make_cloud(const std::string& kind, int64_t n);

/// Bytes a second of copying on all threads.
double copy_speed();

}  // namespace pointattn::bench
