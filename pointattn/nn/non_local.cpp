// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/non_local.h"

#include "pointattn/core/check.h"
#include "pointattn/nn/pooling.h"
#include "pointattn/nn/project.h"
#include "pointattn/nn/sampling.h"
#include "pointattn/ops/attention.h"
#include "pointattn/ops/ragged_pool.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>

namespace pointattn::nn {
namespace {

/// softmax over the keys of q_i · k_j, times v.
at::Tensor softmax_attention(const at::Tensor& q,
                             const at::Tensor& k,
                             const at::Tensor& v,
                             const at::Tensor& offsets,
                             const at::Tensor& key_offsets) {
  return ops::attention(q.unsqueeze(1),
                        k.unsqueeze(1),
                        v.unsqueeze(1),
                        offsets,
                        key_offsets,
                        std::nullopt,
                        /*scale=*/1)
      .squeeze(1);
}

/// Rows [B,1] of 1/n with n rows in each cloud.
at::Tensor share_of_each(const at::Tensor& offsets, const at::Tensor& like) {
  const at::Tensor counts = offsets.slice(0, 1) - offsets.slice(0, 0, -1);
  return counts.clamp_min(1).to(like.options()).reciprocal();
}

/// Σ_j ReLU(a_i + b_j) v_j in one cloud: a [M], b [n], v [n,C] → [M,C]. Sums in float64: suffix sums
/// of a large cloud would lose digits that the products need.
at::Tensor relu_sums(const at::Tensor& a, const at::Tensor& b, const at::Tensor& v) {
  const auto [ascending, order] = b.sort(/*stable=*/true, 0, /*descending=*/false);
  const at::Tensor values = v.index_select(0, order).to(at::kDouble);
  const at::Tensor weighted = values * ascending.to(at::kDouble).unsqueeze(1);
  // sums[r]: over the keys from the r-th smallest b on; a row of zeros behind the last.
  const auto suffix_sums = [](const at::Tensor& rows) {
    return at::constant_pad_nd(rows.flip(0).cumsum(0).flip(0), {0, 0, 0, 1});
  };
  const at::Tensor first =
      at::searchsorted(ascending.detach(), -a.detach(), /*out_int32=*/false, /*right=*/true);
  const at::Tensor sums =
      a.to(at::kDouble).unsqueeze(1) * suffix_sums(values).index_select(0, first) +
      suffix_sums(weighted).index_select(0, first);
  return sums.to(v.scalar_type());
}

/// The first by x, then by y, then by z of the points [n,3], n ≥ 1.
int64_t least_row(const at::Tensor& xyz) {
  at::Tensor rows = at::arange(xyz.size(0), xyz.options().dtype(at::kLong));
  for (int64_t axis = 0; axis < 3; ++axis) {
    const at::Tensor values = xyz.select(1, axis).index_select(0, rows);
    rows = rows.index_select(0, values.eq(values.min()).nonzero().squeeze(1));
  }
  return rows.size(0) > 0 ? rows[0].item<int64_t>() : 0;  // none: NaN, which sampling refuses
}

/// Farthest points of each cloud, the first of them its least_row(): another order of the points has
/// the same ones.
Sampled sample_keys(const PointBatch& points, int64_t keys) {
  const at::Tensor xyz = points.xyz.detach();
  const at::Tensor order = at::arange(xyz.size(0), xyz.options().dtype(at::kLong));
  int64_t begin = 0;
  for (const int64_t count : points.counts()) {
    if (count > 0) {
      const int64_t least = begin + least_row(xyz.narrow(0, begin, count));
      order[begin] = least;
      order[least] = begin;
    }
    begin += count;
  }
  Sampled sampled = sample_farthest({xyz.index_select(0, order), {}, points.offsets}, keys);
  sampled.index = order.index_select(0, sampled.index);
  return sampled;
}

torch::nn::Linear linear(int64_t in, int64_t out) {
  torch::nn::Linear layer(in, out);
  const at::NoGradGuard no_grad;
  layer->weight.normal_(0, 0.01);
  layer->bias.zero_();
  return layer;
}

}  // namespace

const std::vector<std::string>& non_local_kinds() {
  static const std::vector<std::string> names = {
      "gaussian", "embedded_gaussian", "dot_product", "concatenation"};
  return names;
}

NonLocalKind non_local_kind(const std::string& name) {
  const std::vector<std::string>& names = non_local_kinds();
  const auto found = std::find(names.begin(), names.end(), name);
  TORCH_CHECK_VALUE(
      found != names.end(),
      "non_local: expected gaussian, embedded_gaussian, dot_product or concatenation, got '",
      name,
      "'");
  return static_cast<NonLocalKind>(found - names.begin());
}

NonLocalImpl::NonLocalImpl(int64_t channels, const NonLocalOptions& options)
    : channels_(channels), options_(options) {
  TORCH_CHECK_VALUE(channels > 1 && channels % 2 == 0,
                    "NonLocal: expected an even number of channels, got ",
                    channels);
  TORCH_CHECK_VALUE(options.keys >= 0, "NonLocal: expected keys of at least 0, got ", options.keys);
  reset();
}

void NonLocalImpl::reset() {
  const int64_t inner = channels_ / 2;
  if (options_.kind != NonLocalKind::kGaussian) {
    theta = register_module("theta", linear(channels_, inner));
    phi = register_module("phi", linear(channels_, inner));
  }
  if (options_.kind == NonLocalKind::kConcatenation)
    pair = register_module("pair", linear(2 * inner, 1));
  g = register_module("g", linear(channels_, inner));
  out = register_module("out", SharedMlp(inner, channels_, /*bias=*/true, Activation::kNone));
  const at::NoGradGuard no_grad;
  out->norm->weight.zero_();
}

at::Tensor NonLocalImpl::forward(const at::Tensor& feat, const PointBatch& points) {
  ShapeCheck check("NonLocal");
  check(feat, "feat", {"N", channels_});
  check(points.xyz, "xyz", {"N", 3});
  if (options_.keys == 0) return feat + out(gather_all(feat, feat, points.offsets, points.offsets));
  const Sampled keys = sample_keys(points, options_.keys);
  const at::Tensor key = feat.index_select(0, keys.index);
  return feat + out(gather_all(feat, key, points.offsets, keys.batch.offsets));
}

/// y [N,C/2]: what the points [N,C] gather from the keys [M,C].
at::Tensor NonLocalImpl::gather_all(const at::Tensor& feat,
                                    const at::Tensor& key,
                                    const at::Tensor& offsets,
                                    const at::Tensor& key_offsets) {
  const at::Tensor value = project(key, g->weight, g->bias);
  if (options_.kind == NonLocalKind::kGaussian)
    return softmax_attention(feat, key, value, offsets, key_offsets);
  const at::Tensor q = project(feat, theta->weight, theta->bias);
  const at::Tensor k = project(key, phi->weight, phi->bias);
  if (options_.kind == NonLocalKind::kEmbeddedGaussian)
    return softmax_attention(q, k, value, offsets, key_offsets);
  const at::Tensor share = share_of_each(key_offsets, value);  // [B]
  if (options_.kind == NonLocalKind::kDotProduct) {
    const at::Tensor products = ops::ragged_pool(k, value, key_offsets);  // φᵀ g: [B,C/2,C/2]
    return ops::ragged_expand(q, products * share.view({-1, 1, 1}), offsets);
  }
  const int64_t inner = channels_ / 2;
  const at::Tensor a = at::linear(q, pair->weight.narrow(1, 0, inner), pair->bias).squeeze(1);
  const at::Tensor b = at::linear(k, pair->weight.narrow(1, inner, inner)).squeeze(1);
  const std::vector<int64_t> rows = counts_of(offsets);
  const std::vector<int64_t> keys = counts_of(key_offsets);
  const std::vector<at::Tensor> as = a.split_with_sizes(rows), bs = b.split_with_sizes(keys),
                                vs = value.split_with_sizes(keys);
  std::vector<at::Tensor> sums;
  for (size_t cloud = 0; cloud < rows.size(); ++cloud)
    sums.push_back(relu_sums(as[cloud], bs[cloud], vs[cloud]));
  return at::cat(sums) * repeat_per_point(share.unsqueeze(1), offsets);
}

}  // namespace pointattn::nn
