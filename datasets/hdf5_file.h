// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace pointattn::datasets {

/// What one HDF5 file holds: S shapes of N points.
struct Hdf5Shapes {
  std::filesystem::path path;
  at::Tensor xyz;                 ///< [S,N,3] float32, finite
  at::Tensor normal;              ///< [S,N,3] float32, or undefined
  at::Tensor part;                ///< [S,N] int16, not negative, or undefined
  std::vector<int64_t> category;  ///< S, not negative
};

/// Reads a file, at most `points` of each shape (0: all). Throws c10::Error naming the path and
/// what is wrong: not HDF5, truncated, a missing or misshapen dataset, the wrong type, sizes that
/// disagree, more than 8 GB, more data than its bytes can pack, links or data in other files, ids
/// out of any sensible range, coordinates that are not finite.
Hdf5Shapes read_hdf5(const std::filesystem::path& path, int64_t points);

}  // namespace pointattn::datasets
