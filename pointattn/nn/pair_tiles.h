// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/pair_mlp.h"
#include "pointattn/nn/pair_mlp_loops.h"

#include <algorithm>
#include <cstdint>

/// How pair_mlp.cpp and pair_mlp_step.cpp divide the pairs of a layer over neighbours into tiles.
namespace pointattn::nn {

inline constexpr int64_t kTileRows = 512;  // pairs whose hidden rows stay in the L2 cache

/// Rows that a tile may have: a centre is never divided.
inline int64_t tile_rows(const Pairs& pairs) { return std::max(kTileRows, pairs.index.size(1)); }

inline int64_t centres_of_tile(const Pairs& pairs) {
  return std::max<int64_t>(1, kTileRows / pairs.index.size(1));
}

/// work(pairs) for the tiles of centres begin … end.
template <typename T, typename Work>
void for_each_tile(const Pairs& pairs, int64_t begin, int64_t end, const Work& work) {
  const int64_t step = centres_of_tile(pairs);
  for (int64_t m = begin; m < end; m += step) {
    work(pair_loops::Pairs<T>{pairs.near.const_data_ptr<T>(),
                              pairs.centre.const_data_ptr<T>(),
                              pairs.index.const_data_ptr<int64_t>(),
                              m,
                              std::min(step, end - m),
                              pairs.index.size(1),
                              pairs.near.size(1)});
  }
}

}  // namespace pointattn::nn
