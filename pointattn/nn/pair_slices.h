// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

/// How pair_mlp_step.cpp shares out the centres of a layer over neighbours. What a slice sums is its
/// own and joined in the order of the slices, so results do not depend on the number of threads.
namespace pointattn::nn {

/// Centres that one thread takes in one go, and the rows of `near` that they see.
struct Slice {
  int64_t begin, end;
  int64_t lowest, rows;
};

/// The same for every number of threads. Clouds follow each other, so a slice sees few rows; where
/// it does not, slices are longer. index int64 [M,K], contiguous, M ≥ 1.
std::vector<Slice> slices_of(const at::Tensor& index, int64_t near_rows);

/// work(number, slice) for each of them, by several threads.
template <typename Work>
void for_each_slice(const std::vector<Slice>& slices, const Work& work) {
  at::parallel_for(0, static_cast<int64_t>(slices.size()), 1, [&](int64_t begin, int64_t end) {
    const at::AutoDispatchBelowADInplaceOrView below;
    for (int64_t s = begin; s < end; ++s) work(s, slices[static_cast<size_t>(s)]);
  });
}

}  // namespace pointattn::nn
