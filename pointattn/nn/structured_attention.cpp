// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/structured_attention.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/nn/project.h"
#include "pointattn/ops/ragged_pool.h"
#include "pointattn/ops/ragged_softmax.h"

#include <ATen/ATen.h>

namespace pointattn::nn {

StructuredAttentionImpl::StructuredAttentionImpl(int64_t in, int64_t hidden, int64_t hops)
    : in_(in), hidden_(hidden), hops_(hops) {
  TORCH_CHECK_VALUE(in > 0 && hidden > 0 && hops > 0,
                    "StructuredAttention: expected sizes above 0, got in ",
                    in,
                    ", hidden ",
                    hidden,
                    ", hops ",
                    hops);
  reset();
}

void StructuredAttentionImpl::reset() {
  const auto linear = [](int64_t from, int64_t to) {
    return torch::nn::Linear(torch::nn::LinearOptions(from, to).bias(false));
  };
  first = register_module("first", linear(in_, hidden_));
  second = register_module("second", linear(hidden_, hops_));
}

Attended StructuredAttentionImpl::forward(const at::Tensor& rows,
                                          const at::Tensor& offsets,
                                          const at::Tensor& bias) {
  at::Tensor logits = project(at::tanh(project(rows, first->weight)), second->weight);  // [N,R]
  if (bias.defined()) logits = logits + bias;
  const at::Tensor attention = ops::ragged_softmax(logits, offsets);
  return {attention, ops::ragged_pool(attention, rows, offsets)};
}

at::Tensor equal_shares(const at::Tensor& offsets, const at::TensorOptions& options) {
  std::vector<at::Tensor> shares;
  for (const int64_t count : counts_of(offsets)) {
    shares.push_back(at::full({count, 1}, 1.0 / static_cast<double>(count), options));
  }
  return at::cat(shares);
}

at::Tensor overlap_penalty(const at::Tensor& attention, const at::Tensor& offsets) {
  const at::Tensor product = ops::ragged_pool(attention, attention, offsets);  // [B,R,R]
  return (product - at::eye(attention.size(1), attention.options())).square().sum({1, 2});
}

}  // namespace pointattn::nn
