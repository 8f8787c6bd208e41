// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"
#include "pointattn/io/input.h"

namespace pointattn::io {

Cloud read_pcd(const Input& input);

}  // namespace pointattn::io
