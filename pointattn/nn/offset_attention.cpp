// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/offset_attention.h"

#include "pointattn/nn/project.h"
#include "pointattn/ops/attention.h"
#include "pointattn/ops/offset_attention.h"

#include <ATen/ATen.h>

#include <cmath>
#include <optional>

namespace pointattn::nn {
namespace {

constexpr int64_t kReduction = 4;  // width of queries and keys: C/4

/// softmax(QKᵀ/√D) V cloud by cloud: one head whose values are wider than its keys.
at::Tensor self_attention(const at::Tensor& key,
                          const at::Tensor& value,
                          const at::Tensor& offsets) {
  const at::Tensor head = key.unsqueeze(1);
  const double scale = 1 / std::sqrt(static_cast<double>(key.size(1)));
  return ops::attention(head, head, value.unsqueeze(1), offsets, offsets, std::nullopt, scale)
      .squeeze(1);
}

}  // namespace

OffsetAttentionImpl::OffsetAttentionImpl(int64_t channels, AttentionKind kind)
    : channels_(channels), kind_(kind) {
  TORCH_CHECK_VALUE(channels > 0 && channels % kReduction == 0,
                    "OffsetAttention: expected channels divisible by ",
                    kReduction,
                    ", got ",
                    channels);
  reset();
}

void OffsetAttentionImpl::reset() {
  const auto projection = torch::nn::LinearOptions(channels_, channels_ / kReduction).bias(false);
  qk = register_module("qk", torch::nn::Linear(projection));
  value = register_module("value", torch::nn::Linear(channels_, channels_));
  transform = register_module("transform", SharedMlp(channels_, channels_, /*bias=*/true));
}

void OffsetAttentionImpl::train(bool on) {
  Module::train(on);
  frozen_points_ = {};
}

void OffsetAttentionImpl::freeze(Precision precision) {
  const at::NoGradGuard no_grad;
  const at::Tensor no_bias = at::zeros({qk->weight.size(0)}, qk->weight.options());
  frozen_points_ = FrozenLinear(at::cat({qk->weight, value->weight}),
                                at::cat({no_bias, value->bias}),
                                Activation::kNone,
                                precision);
  narrow_ = precision == Precision::kBFloat16 && qk->weight.is_cpu() &&
            qk->weight.scalar_type() == at::kFloat;
}

std::pair<at::Tensor, at::Tensor> OffsetAttentionImpl::project_points(
    const at::Tensor& feat) const {
  if (!frozen_points_ || at::GradMode::is_enabled())
    return {project(feat, qk->weight), project(feat, value->weight, value->bias)};
  at::Tensor both = frozen_points_(feat);
  if (narrow_) both = both.to(at::kBFloat16);
  const int64_t keys = channels_ / kReduction;
  return {both.narrow(1, 0, keys), both.narrow(1, keys, channels_)};
}

at::Tensor OffsetAttentionImpl::forward(const at::Tensor& feat, const at::Tensor& offsets) {
  const auto [key, v] = project_points(feat);
  at::Tensor out = kind_ == AttentionKind::kSelf ? self_attention(key, v, offsets)
                                                 : ops::offset_attention(key, key, v, offsets);
  out = out.to(feat.scalar_type());
  if (at::GradMode::is_enabled()) {
    return feat + transform(kind_ == AttentionKind::kSelf ? out : feat - out);
  }
  // Nobody else holds these: their memory serves again.
  if (kind_ == AttentionKind::kOffset) at::sub_out(out, feat, out);
  return transform(out).add_(feat);
}

}  // namespace pointattn::nn
