// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/offset_attention.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/nn/project.h"
#include "pointattn/ops/offset_attention.h"

#include <ATen/ATen.h>

namespace pointattn::nn {
namespace {

constexpr int64_t kReduction = 4;  // width of queries and keys: C/4

/// Plain self-attention cloud by cloud. The values are cut into slices as wide as the keys, each a
/// head with the same queries and keys: equal widths keep LibTorch on its fused kernel, which
/// stores no N×N matrix.
at::Tensor self_attention(const at::Tensor& qk,
                          const at::Tensor& value,
                          const at::Tensor& offsets) {
  const std::vector<int64_t> counts = counts_of(offsets);
  const std::vector<at::Tensor> keys = qk.split_with_sizes(counts);
  const std::vector<at::Tensor> values = value.split_with_sizes(counts);
  std::vector<at::Tensor> out;
  for (size_t b = 0; b < counts.size(); ++b) {
    const int64_t N = counts[b];
    const int64_t D = qk.size(1);
    const at::Tensor key = keys[b].expand({1, kReduction, N, D}).contiguous();
    const at::Tensor slices = values[b].view({1, N, kReduction, D}).transpose(1, 2).contiguous();
    out.push_back(at::scaled_dot_product_attention(key, key, slices)
                      .transpose(1, 2)
                      .reshape({N, kReduction * D}));
  }
  return at::cat(out);
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
