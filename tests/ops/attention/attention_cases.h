// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/ops/attention/attention_support.h"

#include <cmath>
#include <limits>
#include <optional>
#include <ostream>
#include <vector>

namespace pointattn {

/// Sizes of a case of plain attention.
struct AttentionSize {
  std::vector<int64_t> queries, keys;  // of each cloud
  int64_t heads, depth, width;
};

inline void PrintTo(const AttentionSize& size, std::ostream* to) {
  for (const int64_t count : size.queries) *to << count << '_';
  *to << "by_";
  for (const int64_t count : size.keys) *to << count << '_';
  *to << "H" << size.heads << "_D" << size.depth << "_C" << size.width;
}

/// Inputs of plain attention and the gradient of its result.
struct AttentionCase {
  at::Tensor q, k, v, query_offsets, key_offsets;
  std::optional<at::Tensor> bias;
  double scale = 1;
  at::Tensor grad;

  AttentionCase to(const at::TensorOptions& options) const {
    AttentionCase other{
        q.to(options), k.to(options), v.to(options), query_offsets, key_offsets, {}, scale, {}};
    if (bias) other.bias = bias->to(options);
    other.grad = grad.to(options);
    return other;
  }

  template <typename Function>
  at::Tensor operator()(const Function& function) const {
    return function(q, k, v, query_offsets, key_offsets, bias, scale);
  }
};

enum class Bias { kNone, kFinite, kMasks };

inline void PrintTo(Bias bias, std::ostream* to) {
  *to << (bias == Bias::kNone ? "no_bias" : bias == Bias::kFinite ? "finite_bias" : "masks");
}

/// Random float64 input; scores have a standard deviation of about 2. kMasks hides a third of the
/// keys.
inline AttentionCase random_case(const AttentionSize& size, Bias bias, uint64_t seed = 7) {
  at::manual_seed(seed);
  AttentionCase input;
  input.query_offsets = starts_of(size.queries);
  input.key_offsets = starts_of(size.keys);
  const int64_t M = input.query_offsets[-1].item<int64_t>();
  const int64_t N = input.key_offsets[-1].item<int64_t>();
  const auto normal = [&](int64_t rows, int64_t columns) {
    return at::randn({rows, size.heads, columns}, at::kDouble);
  };
  input.q = normal(M, size.depth);
  input.k = normal(N, size.depth);
  input.v = normal(N, size.width);
  input.grad = normal(M, size.width);
  input.scale = 2 / std::sqrt(static_cast<double>(std::max<int64_t>(size.depth, 1)));
  if (bias != Bias::kNone) input.bias = at::randn({N, size.heads}, at::kDouble);
  if (bias == Bias::kMasks) {
    input.bias->masked_fill_(at::rand({N, size.heads}) < 0.33,
                             -std::numeric_limits<double>::infinity());
  }
  return input;
}

/// out, dq, dk, dv and, with a bias, dbias of an attention function for one input.
template <typename Function>
std::vector<at::Tensor> run_attention(const Function& function, const AttentionCase& input) {
  const auto leaf = [](const at::Tensor& t) { return t.detach().clone().requires_grad_(); };
  AttentionCase leaves = input;
  leaves.q = leaf(input.q);
  leaves.k = leaf(input.k);
  leaves.v = leaf(input.v);
  std::vector<at::Tensor> wanted{leaves.q, leaves.k, leaves.v};
  if (input.bias) wanted.push_back(*(leaves.bias = leaf(*input.bias)));
  const at::Tensor out = leaves(function);
  std::vector<at::Tensor> results{out.detach()};
  if (!out.requires_grad()) {  // no cloud has both queries and keys
    for (const at::Tensor& tensor : wanted) results.push_back(at::zeros_like(tensor));
    return results;
  }
  const auto grads = torch::autograd::grad({out}, wanted, {input.grad}, {}, false, true);
  for (size_t i = 0; i < wanted.size(); ++i) {
    results.push_back(grads[i].defined() ? grads[i] : at::zeros_like(wanted[i]));
  }
  return results;
}

}  // namespace pointattn
