// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"

#include <string>
#include <vector>

namespace pointattn::io {

/// Names the columns of a text file without a header by their number and values (the table is in
/// cloud.h's read_cloud).
std::vector<std::string> guess_names(const std::vector<at::Tensor>& columns);

/// A column as a field: colours that are whole numbers in 0..255 become uint8, labels that are
/// whole int32, all else stays float64.
Field to_field(std::string name, at::Tensor column);

}  // namespace pointattn::io
