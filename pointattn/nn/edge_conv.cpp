// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/edge_conv.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/nn/project.h"
#include "pointattn/ops/gather.h"
#include "pointattn/ops/gather_max.h"
#include "pointattn/ops/knn.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace pointattn::nn {
namespace {

/// The graph of one cloud, rows begin … begin + points − 1 of feat, that may have fewer than k.
at::Tensor graph_of_cloud(const at::Tensor& feat, int64_t begin, int64_t points, int64_t k) {
  const at::Tensor rows = feat.narrow(0, begin, points);
  const at::Tensor offsets = offsets_of({points});
  const int64_t found = std::min(k, points);
  if (points == 0) return at::empty({0, k}, feat.options().dtype(at::kLong));
  const at::Tensor index = ops::knn(rows, rows, offsets, offsets, found).index + begin;
  return found == k ? index
                    : at::cat({index, index.narrow(1, 0, 1).expand({points, k - found})}, 1);
}

}  // namespace

at::Tensor feature_graph(const at::Tensor& feat, const at::Tensor& offsets, int64_t k) {
  TORCH_CHECK_VALUE(k > 0, "feature_graph: expected k > 0, got ", k);
  const at::Tensor rows = feat.detach();
  const std::vector<int64_t> counts = counts_of(offsets);
  if (std::all_of(counts.begin(), counts.end(), [k](int64_t n) { return n >= k; })) {
    return ops::knn(rows, rows, offsets, offsets, k).index;
  }
  std::vector<at::Tensor> clouds;
  int64_t begin = 0;
  for (const int64_t points : counts) {
    clouds.push_back(graph_of_cloud(rows, begin, points, k));
    begin += points;
  }
  return at::cat(clouds);
}

EdgeConvImpl::EdgeConvImpl(int64_t in, int64_t out, int64_t second_out)
    : in_(in), out_(out), wide_(second_out) {
  reset();
}

void EdgeConvImpl::reset() {
  first =
      register_module("first", SharedMlp(2 * in_, out_, /*bias=*/false, Activation::kLeakyReLU));
  if (wide_ == 0) return;
  second =
      register_module("second", SharedMlp(out_, wide_, /*bias=*/false, Activation::kLeakyReLU));
}

// The first layer is linear, so W [f_j − f_i, f_i] = W_a f_j + (W_b − W_a) f_i: one product a point
// instead of one a pair.
Pairs EdgeConvImpl::pairs(const at::Tensor& feat, const at::Tensor& index) {
  const at::Tensor weight = first->linear->weight;
  return {project(feat, weight.narrow(1, 0, in_)),
          project(feat, weight.narrow(1, in_, in_) - weight.narrow(1, 0, in_)),
          index};
}

// With its statistics fixed the norm is a factor and a term a channel. The factor, whatever its
// sign, goes into the weights; what is left grows with u_j, so the maximum may be taken before it
// and no [N,k,C] is stored.
at::Tensor EdgeConvImpl::folded(const at::Tensor& feat, const at::Tensor& index) {
  const auto [scale, shift] = fixed_norm(*first->norm);
  const at::Tensor weight = first->linear->weight * scale.unsqueeze(1);
  const at::Tensor near = at::linear(feat, weight.narrow(1, 0, in_));
  const at::Tensor own =
      at::linear(feat, weight.narrow(1, in_, in_) - weight.narrow(1, 0, in_), shift);
  if (wide_ == 0) return at::leaky_relu_(ops::gather_max(near, index).add_(own), kLeakySlope);
  return folded_pair_mlp_max({near, own, index}, Activation::kLeakyReLU, second);
}

at::Tensor EdgeConvImpl::forward(const at::Tensor& feat, const at::Tensor& index) {
  if (!is_training() && !at::GradMode::is_enabled()) return folded(feat, index);
  const Pairs all = pairs(feat, index);
  if (wide_ != 0) return pair_mlp_max(all, first->norm, second);
  const at::Tensor sums = ops::gather(all.near, index) + all.centre.unsqueeze(1);  // [N,k,C]
  return first->norm(sums.view({-1, out_})).view(sums.sizes()).amax(1);
}

}  // namespace pointattn::nn
