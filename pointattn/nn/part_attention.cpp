// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/part_attention.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/nn/project.h"
#include "pointattn/ops/attention.h"
#include "pointattn/ops/ragged_pool.h"

#include <ATen/ATen.h>
#include <torch/nn/init.h>

#include <cmath>
#include <optional>
#include <vector>

namespace pointattn::nn {
namespace {

constexpr double kLeastPrior = 1e-3;     // a wrong segmentation must not shut a point out
constexpr double kLeastVariance = 1e-6;  // where the root's gradient is still finite
constexpr int64_t kWiden = 2;

}  // namespace

PartSelfAttentionImpl::PartSelfAttentionImpl(int64_t channels, int64_t heads)
    : channels_(channels), heads_(heads) {
  TORCH_CHECK_VALUE(heads > 0 && channels > 0 && channels % heads == 0,
                    "PartSelfAttention: expected channels divisible by heads, got ",
                    channels,
                    " and ",
                    heads);
  reset();
}

void PartSelfAttentionImpl::reset() {
  const auto norm = [&] { return torch::nn::LayerNorm(torch::nn::LayerNormOptions({channels_})); };
  norm1_ = register_module("norm1", norm());
  qkv_ = register_module("qkv", torch::nn::Linear(channels_, 3 * channels_));
  out_ = register_module("out", torch::nn::Linear(channels_, channels_));
  norm2_ = register_module("norm2", norm());
  wide_ = register_module("wide", torch::nn::Linear(channels_, kWiden * channels_));
  narrow_ = register_module("narrow", torch::nn::Linear(kWiden * channels_, channels_));
  for (const torch::nn::Linear& last : {out_, narrow_}) {
    torch::nn::init::zeros_(last->weight);
    torch::nn::init::zeros_(last->bias);
  }
}

at::Tensor PartSelfAttentionImpl::forward(const at::Tensor& parts) {
  TORCH_CHECK_VALUE(parts.dim() == 3 && parts.size(2) == channels_,
                    "PartSelfAttention: expected parts [B,R,",
                    channels_,
                    "], got ",
                    parts.sizes());
  const int64_t rows = parts.size(0) * parts.size(1);
  at::Tensor x = parts.reshape({rows, channels_});
  const at::Tensor offsets =
      offsets_of(std::vector<int64_t>(static_cast<size_t>(parts.size(0)), parts.size(1)));
  const at::Tensor qkv = qkv_(norm1_(x)).view({rows, 3, heads_, channels_ / heads_});
  const at::Tensor attended =
      ops::attention(qkv.select(1, 0),
                     qkv.select(1, 1),
                     qkv.select(1, 2),
                     offsets,
                     offsets,
                     std::nullopt,
                     1 / std::sqrt(static_cast<double>(channels_ / heads_)));
  x = x + out_(attended.reshape({rows, channels_}));
  x = x + narrow_(at::relu(wide_(norm2_(x))));
  return x.view(parts.sizes());
}

PointToPartAttentionImpl::PointToPartAttentionImpl(const PointToPartOptions& options)
    : options_(options) {
  reset();
}

void PointToPartAttentionImpl::reset() {
  attention = register_module(
      "attention", StructuredAttention(options_.channels, options_.hidden, options_.parts));
  spread = register_module(
      "spread",
      torch::nn::Linear(
          torch::nn::LinearOptions(options_.channels, options_.channels).bias(false)));
  strength = register_parameter("strength", at::ones({1}));
  if (options_.heads > 0) {
    among_ = register_module("among", PartSelfAttention(options_.channels, options_.heads));
  }
}

at::Tensor PointToPartAttentionImpl::bias_of(const at::Tensor& prior) const {
  TORCH_CHECK_VALUE(prior.dim() == 2 && prior.size(1) <= options_.parts,
                    "PointToPartAttention: expected prior [N,G] with G up to ",
                    options_.parts,
                    ", got ",
                    prior.sizes());
  const at::Tensor known = at::relu(strength) * at::log(prior + kLeastPrior);
  return at::constant_pad_nd(known, {0, options_.parts - prior.size(1)});
}

Attended PointToPartAttentionImpl::forward(const at::Tensor& feat,
                                           const at::Tensor& offsets,
                                           const at::Tensor& prior,
                                           const at::Tensor& whole) {
  Attended out = attention(feat, offsets, prior.defined() ? bias_of(prior) : at::Tensor());
  const at::Tensor squares = ops::ragged_pool(out.attention, feat.square(), offsets);
  const at::Tensor variance = at::relu(squares - out.pooled.square());
  out.pooled = out.pooled + spread(at::sqrt(variance + kLeastVariance));
  if (whole.defined()) out.pooled = at::cat({whole.unsqueeze(1), out.pooled}, 1);
  if (!among_.is_empty()) out.pooled = among_(out.pooled);
  return out;
}

}  // namespace pointattn::nn
