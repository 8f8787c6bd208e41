// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace pointattn::reference {

at::Tensor attention(const at::Tensor& q_any,
                     const at::Tensor& k_any,
                     const at::Tensor& v_any,
                     const at::Tensor& query_offsets,
                     const at::Tensor& key_offsets,
                     const std::optional<at::Tensor>& bias_any,
                     double scale) {
  const auto wide = [](const at::Tensor& t) { return t.detach().to(at::kCPU, at::kDouble); };
  const at::Tensor q_wide = wide(q_any);
  const at::Tensor k_wide = wide(k_any);
  const at::Tensor v_wide = wide(v_any);
  const at::Tensor bias_wide =
      bias_any ? wide(*bias_any) : at::zeros({k_wide.size(0), k_wide.size(1)}, at::kDouble);
  at::Tensor result = at::zeros({q_wide.size(0), q_wide.size(1), v_wide.size(2)}, at::kDouble);
  const auto q = q_wide.accessor<double, 3>();
  const auto k = k_wide.accessor<double, 3>();
  const auto v = v_wide.accessor<double, 3>();
  const auto bias = bias_wide.accessor<double, 2>();
  const auto queries = query_offsets.accessor<int64_t, 1>();
  const auto keys = key_offsets.accessor<int64_t, 1>();
  auto out = result.accessor<double, 3>();
  for (int64_t b = 0; b + 1 < queries.size(0); ++b) {
    const int64_t first = keys[b];
    const int64_t count = keys[b + 1] - first;
    for (int64_t i = queries[b]; i < queries[b + 1]; ++i) {
      for (int64_t h = 0; h < q.size(1); ++h) {
        std::vector<double> weight(static_cast<size_t>(count));
        double max = -std::numeric_limits<double>::infinity();
        for (int64_t j = 0; j < count; ++j) {
          double score = 0;
          for (int64_t d = 0; d < q.size(2); ++d) score += q[i][h][d] * k[first + j][h][d];
          weight[j] = scale * score + bias[first + j][h];
          max = std::max(max, weight[j]);
        }
        if (std::isinf(max)) continue;
        double sum = 0;
        for (double& w : weight) sum += w = std::exp(w - max);
        for (int64_t j = 0; j < count; ++j) {
          for (int64_t c = 0; c < v.size(2); ++c)
            out[i][h][c] += weight[j] / sum * v[first + j][h][c];
        }
      }
    }
  }
  return result;
}

at::Tensor eager_attention(const at::Tensor& q,
                           const at::Tensor& k,
                           const at::Tensor& v,
                           const at::Tensor& query_offsets,
                           const at::Tensor& key_offsets,
                           const std::optional<at::Tensor>& bias,
                           double scale) {
  const auto queries = query_offsets.accessor<int64_t, 1>();
  const auto keys = key_offsets.accessor<int64_t, 1>();
  std::vector<at::Tensor> parts{at::zeros({0, q.size(1), v.size(2)}, q.options())};
  for (int64_t b = 0; b + 1 < queries.size(0); ++b) {
    const auto rows = [&](const at::Tensor& t, const auto& offsets) {
      return t.slice(0, offsets[b], offsets[b + 1]).transpose(0, 1);
    };
    if (keys[b] == keys[b + 1]) {
      parts.push_back(at::zeros({queries[b + 1] - queries[b], q.size(1), v.size(2)}, q.options()));
      continue;
    }
    at::Tensor scores = at::matmul(rows(q, queries), rows(k, keys).transpose(1, 2)) * scale;
    if (bias) scores = scores + rows(*bias, keys).unsqueeze(1);
    // Not softmax, which is NaN where every key is masked.
    const double least = q.scalar_type() == at::kHalf ? -6e4 : -1e30;
    const at::Tensor max = scores.detach().amax(2, true).clamp_min(least);
    const at::Tensor weight = at::exp(scores - max);
    const at::Tensor map = weight / weight.sum(2, true).clamp_min(1e-30);
    parts.push_back(at::matmul(map, rows(v, keys)).transpose(0, 1));
  }
  return at::cat(parts);
}

}  // namespace pointattn::reference
