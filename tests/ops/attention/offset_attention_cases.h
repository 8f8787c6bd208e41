// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/ops/attention/attention_support.h"

#include <vector>

namespace pointattn {

struct AttentionInput {
  at::Tensor q, k, v, grad, offsets;

  AttentionInput to(at::ScalarType type) const {
    return {q.to(type), k.to(type), v.to(type), grad.to(type), offsets};
  }
};

/// Random float64 input for clouds of these sizes; scores have a standard deviation of about
/// `spread`.
inline AttentionInput random_input(const std::vector<int64_t>& counts,
                                   int64_t depth,
                                   int64_t width,
                                   double spread = 2,
                                   uint64_t seed = 7) {
  at::manual_seed(seed);
  const at::Tensor offsets = starts_of(counts);
  const int64_t rows = offsets[-1].item<int64_t>();
  const double scale = std::sqrt(spread / std::sqrt(static_cast<double>(depth)));
  const auto normal = [&](int64_t columns) { return at::randn({rows, columns}, at::kDouble); };
  return {normal(depth) * scale, normal(depth) * scale, normal(width), normal(width), offsets};
}

/// out, dq, dk, dv of an attention function for one input.
template <typename Function>
std::vector<at::Tensor> run_attention(const Function& function, const AttentionInput& input) {
  const auto leaf = [](const at::Tensor& t) { return t.detach().clone().requires_grad_(); };
  const at::Tensor q = leaf(input.q);
  const at::Tensor k = leaf(input.k);
  const at::Tensor v = leaf(input.v);
  const at::Tensor out = function(q, k, v, input.offsets);
  const auto grads = torch::autograd::grad({out}, {q, k, v}, {input.grad});
  return {out.detach(), grads[0], grads[1], grads[2]};
}

/// out, dq, dv where q is queries and keys, as in PCT.
template <typename Function>
std::vector<at::Tensor> run_shared(const Function& function, const AttentionInput& input) {
  const at::Tensor q = input.q.detach().clone().requires_grad_();
  const at::Tensor v = input.v.detach().clone().requires_grad_();
  const at::Tensor out = function(q, q, v, input.offsets);
  const auto grads = torch::autograd::grad({out}, {q, v}, {input.grad});
  return {out.detach(), grads[0], grads[1]};
}

}  // namespace pointattn
