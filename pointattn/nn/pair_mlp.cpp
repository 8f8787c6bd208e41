// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/pair_mlp.h"

#include "pointattn/core/check.h"
#include "pointattn/nn/pair_mlp_step.h"
#include "pointattn/nn/pair_tiles.h"
#include "pointattn/nn/project.h"
#include "pointattn/ops/gather.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

namespace pointattn::nn {
namespace {

using at::Tensor;

void check_pairs(const char* name, const Pairs& pairs) {
  ShapeCheck check(name);
  check(pairs.near, "near", {"N", "C"});
  check(pairs.centre, "centre", {"M", "C"});
  check(pairs.index, "index", {"M", "K"});
  TORCH_CHECK_VALUE(pairs.index.scalar_type() == at::kLong && pairs.index.size(1) > 0,
                    name,
                    ": expected int64 index with K of at least 1, got ",
                    pairs.index.dtype().name(),
                    " with ",
                    pairs.index.size(1));
  if (pairs.index.numel() == 0) return;
  const auto [low, high] = at::aminmax(pairs.index);
  TORCH_CHECK_VALUE(low.item<int64_t>() >= 0 && high.item<int64_t>() < pairs.near.size(0),
                    name,
                    ": expected index from 0 to ",
                    pairs.near.size(0) - 1,
                    ", got ",
                    low.item<int64_t>(),
                    " to ",
                    high.item<int64_t>());
}

double slope_of(Activation activation) {
  switch (activation) {
    case Activation::kReLU:
      return 0;
    case Activation::kLeakyReLU:
      return kLeakySlope;
    case Activation::kNone:
      break;
  }
  return 1;
}

Tensor activate(const Tensor& x, double slope) {
  return slope == 1 ? x : slope == 0 ? at::relu(x) : at::leaky_relu(x, slope);
}

}  // namespace

Tensor pair_mlp_max(const Pairs& pairs, RowNorm& first, SharedMlp& second) {
  TORCH_CHECK_VALUE(!second->linear->bias.defined(),
                    "pair_mlp_max: expected `second` without bias");
  check_pairs("pair_mlp_max", pairs);
  const bool fused = first->is_training() && second->is_training() && pairs.near.is_cpu() &&
                     pairs.index.numel() > 0 && !products_are_reduced();
  if (!fused) {
    const Tensor sums =
        ops::gather(pairs.near, pairs.index) + pairs.centre.unsqueeze(1);  // [M,K,C]
    return second(first(sums.flatten(0, 1)).view(sums.sizes())).amax(1);
  }
  const PairMlpStep step = pair_mlp_step(pairs,
                                         *first,
                                         slope_of(first->activation()),
                                         second->linear->weight,
                                         *second->norm,
                                         slope_of(second->norm->activation()));
  first->record(step.first.first, step.first.second, pairs.index.numel());
  second->norm->record(step.second.first, step.second.second, pairs.index.numel());
  return step.out;
}

Tensor folded_pair_mlp_max(const Pairs& pairs, Activation activation, SharedMlp& second) {
  check_pairs("folded_pair_mlp_max", pairs);
  const int64_t M = pairs.index.size(0);
  const int64_t K = pairs.index.size(1);
  const int64_t C = pairs.near.size(1);
  if (!pairs.near.is_cpu() || M == 0) {
    const Tensor sums = ops::gather(pairs.near, pairs.index).add_(pairs.centre.unsqueeze(1));
    return second(activate(sums, slope_of(activation))).amax(1);
  }
  const Pairs whole{pairs.near.contiguous(), pairs.centre.contiguous(), pairs.index.contiguous()};
  const Tensor out = at::empty({M, second->linear->weight.size(0)}, pairs.near.options());
  const int64_t step = centres_of_tile(whole);
  AT_DISPATCH_FLOATING_TYPES(pairs.near.scalar_type(), "folded_pair_mlp_max", [&] {
    at::parallel_for(0, (M + step - 1) / step, 1, [&](int64_t begin, int64_t end) {
      const c10::InferenceMode mode;  // the caller's does not reach its threads
      const Tensor sums = at::empty({tile_rows(whole), C}, pairs.near.options());
      const auto take = [&](const pair_loops::Pairs<scalar_t>& some) {
        pair_loops::add(some, sums.mutable_data_ptr<scalar_t>());
        const Tensor hidden = activate(sums.narrow(0, 0, some.rows()), slope_of(activation));
        Tensor rows = out.narrow(0, some.first, some.count);
        at::amax_out(rows, second(hidden).view({some.count, K, -1}), 1);
      };
      for_each_tile<scalar_t>(whole, begin * step, std::min(M, end * step), take);
    });
  });
  return out;
}

}  // namespace pointattn::nn
