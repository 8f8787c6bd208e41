// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "datasets/procedural/facts.h"

#include <cstdint>
#include <string>
#include <vector>

namespace pointattn::datasets {

/// Descriptions of a shape as people might write them: some tell much and some one part only, with
/// other words for the same thing and in several turns of sentence; none says what is not in the
/// facts. Different from each other, lower case, without a full stop at the end. The same facts,
/// count and seed give the same sentences. Fewer than `count` where the facts give no more. Throws
/// c10::ValueError for a negative count or a shape without a name.
std::vector<std::string> captions_of(const ShapeFacts& facts, int64_t count, uint64_t seed);

}  // namespace pointattn::datasets
