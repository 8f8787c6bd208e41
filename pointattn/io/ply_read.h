// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"
#include "pointattn/io/input.h"

namespace pointattn::io {

/// Vertex lists and elements other than vertex and face are passed over.
Cloud read_ply(const Input& input);

}  // namespace pointattn::io
