// SPDX-License-Identifier: Apache-2.0
// Included by one source an instruction set; see point_kernels.h.
#pragma once

#include "pointattn/ops/farthest_walk.h"
#include "pointattn/ops/knn_search.h"
#include "pointattn/ops/point_kernels.h"

namespace pointattn::ops::search {
namespace {

template <typename T>
constexpr Kernels<T> kTable{nearest<T>, count<T>, farthest<T>};

}  // namespace
}  // namespace pointattn::ops::search
