// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/train/dataset.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace pointattn::datasets {

/// Lines of exactly `columns` finite numbers, row by row; empty lines at the end are taken for
/// nothing. Throws c10::Error naming the path and line of what is not so, and for an empty file or
/// one beyond 256 MB.
std::vector<double> read_numbers(const std::filesystem::path& path, int64_t columns);

/// Keeps `points` random points, in random order; fewer stay as they are.
void keep_random_points(train::Sample& sample, int64_t points, uint64_t seed);

}  // namespace pointattn::datasets
