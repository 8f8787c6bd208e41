// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"

#include <array>
#include <vector>

namespace pointattn::io {

/// Three numbers a point as three fields of the given type.
template <class T>
void set_triples(Cloud& cloud,
                 const std::array<const char*, 3>& names,
                 const std::vector<std::array<T, 3>>& triples);

}  // namespace pointattn::io
