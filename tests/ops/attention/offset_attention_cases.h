// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <string>
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
  std::vector<int64_t> starts{0};
  for (const int64_t count : counts) starts.push_back(starts.back() + count);
  const double scale = std::sqrt(spread / std::sqrt(static_cast<double>(depth)));
  const auto normal = [&](int64_t columns) {
    return at::randn({starts.back(), columns}, at::kDouble);
  };
  return {normal(depth) * scale,
          normal(depth) * scale,
          normal(width),
          normal(width),
          at::tensor(starts, at::kLong)};
}

inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.numel() == 0) return 0;
  return (a.detach().to(at::kDouble) - b.detach().to(at::kDouble)).abs().max().item<double>();
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

}  // namespace pointattn
