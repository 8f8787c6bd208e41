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

at::Tensor OffsetAttentionImpl::forward(const at::Tensor& feat, const at::Tensor& offsets) {
  const at::Tensor key = project(feat, qk->weight);                // [N,C/4], queries as well
  const at::Tensor v = project(feat, value->weight, value->bias);  // [N,C]
  at::Tensor out = kind_ == AttentionKind::kSelf ? self_attention(key, v, offsets)
                                                 : ops::offset_attention(key, key, v, offsets);
  if (at::GradMode::is_enabled()) {
    return feat + transform(kind_ == AttentionKind::kSelf ? out : feat - out);
  }
  // Nobody else holds these: their memory serves again.
  if (kind_ == AttentionKind::kOffset) at::sub_out(out, feat, out);
  return transform(out).add_(feat);
}

}  // namespace pointattn::nn
