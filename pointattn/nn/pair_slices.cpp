// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/pair_slices.h"

#include <algorithm>

namespace pointattn::nn {
namespace {

constexpr int64_t kSliceCentres = 256;   // least work for a thread
constexpr int64_t kMostSlices = 64;      // each has sums of its own
constexpr int64_t kMostNearBuffers = 8;  // of the size of `near`

}  // namespace

std::vector<Slice> slices_of(const at::Tensor& index, int64_t near_rows) {
  const int64_t M = index.size(0);
  const int64_t K = index.size(1);
  const int64_t* rows = index.const_data_ptr<int64_t>();
  int64_t length = std::max(kSliceCentres, (M + kMostSlices - 1) / kMostSlices);
  for (;; length *= 2) {
    std::vector<Slice> slices;
    int64_t seen = 0;
    for (int64_t begin = 0; begin < M; begin += length) {
      const int64_t end = std::min(M, begin + length);
      const auto [low, high] = std::minmax_element(rows + begin * K, rows + end * K);
      slices.push_back({begin, end, *low, *high - *low + 1});
      seen += slices.back().rows;
    }
    if (slices.size() <= 1 || seen <= kMostNearBuffers * near_rows) return slices;
  }
}

}  // namespace pointattn::nn
