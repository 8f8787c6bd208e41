// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace pointattn::datasets {

/// Categories of the clouds in samples/.
const std::vector<std::string>& sample_categories();

/// The cloud of samples/NAME_sample.ply, [2048,3] float32 in metres, standing on the ground beside
/// the origin: a raw scan as a user has it, bare of normals, labels and normalisation.
at::Tensor sample_scan(const std::string& category);

}  // namespace pointattn::datasets
