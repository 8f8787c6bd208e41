// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/knn_inputs.h"

namespace pointattn::ops {

/// knn() on the CPU for points of any number of dimensions D: matrix products of tiles give
/// |a|² + |b|² − 2ab, whose rounding error has a bound; what may be among the k nearest by it is
/// ranked again by exact differences. So the result is exact, whatever the product rounds. Inputs
/// are checked. O(M N D) time; memory O((M + N) D + M k) and one tile.
Neighbors search_features(const SearchInputs& inputs, int64_t k);

}  // namespace pointattn::ops
