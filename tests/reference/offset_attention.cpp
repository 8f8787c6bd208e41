// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/offset_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace pointattn::reference {
namespace {

void attend(const at::TensorAccessor<double, 2>& q,
            const at::TensorAccessor<double, 2>& k,
            const at::TensorAccessor<double, 2>& v,
            int64_t begin,
            int64_t end,
            at::TensorAccessor<double, 2> out) {
  const int64_t count = end - begin;
  std::vector<double> map(static_cast<size_t>(count * count));
  for (int64_t i = 0; i < count; ++i) {
    double* row = map.data() + i * count;
    for (int64_t j = 0; j < count; ++j) {
      row[j] = 0;
      for (int64_t d = 0; d < q.size(1); ++d) row[j] += q[begin + i][d] * k[begin + j][d];
    }
    const double max = *std::max_element(row, row + count);
    double sum = 0;
    for (int64_t j = 0; j < count; ++j) sum += row[j] = std::exp(row[j] - max);
    for (int64_t j = 0; j < count; ++j) row[j] /= sum;
  }
  for (int64_t j = 0; j < count; ++j) {
    double sum = 1e-9;
    for (int64_t i = 0; i < count; ++i) sum += map[i * count + j];
    for (int64_t c = 0; c < v.size(1); ++c) {
      double value = 0;
      for (int64_t i = 0; i < count; ++i) value += map[i * count + j] * v[begin + i][c];
      out[begin + j][c] = value / sum;
    }
  }
}

}  // namespace

at::Tensor offset_attention(const at::Tensor& q,
                            const at::Tensor& k,
                            const at::Tensor& v,
                            const at::Tensor& offsets) {
  const at::Tensor wide_q = q.detach().to(at::kDouble);
  const at::Tensor wide_k = k.detach().to(at::kDouble);
  const at::Tensor wide_v = v.detach().to(at::kDouble);
  at::Tensor out = at::zeros_like(wide_v, at::MemoryFormat::Contiguous);
  const auto starts = offsets.accessor<int64_t, 1>();
  for (int64_t b = 0; b + 1 < starts.size(0); ++b) {
    if (starts[b] == starts[b + 1]) continue;
    attend(wide_q.accessor<double, 2>(),
           wide_k.accessor<double, 2>(),
           wide_v.accessor<double, 2>(),
           starts[b],
           starts[b + 1],
           out.accessor<double, 2>());
  }
  return out;
}

at::Tensor eager_offset_attention(const at::Tensor& q,
                                  const at::Tensor& k,
                                  const at::Tensor& v,
                                  const at::Tensor& offsets) {
  std::vector<at::Tensor> parts;
  const auto starts = offsets.accessor<int64_t, 1>();
  for (int64_t b = 0; b + 1 < starts.size(0); ++b) {
    const auto rows = [&](const at::Tensor& t) { return t.slice(0, starts[b], starts[b + 1]); };
    const at::Tensor map = at::softmax(at::matmul(rows(q), rows(k).t()), 1);
    parts.push_back(at::matmul((map / (1e-9 + map.sum(0, true))).t(), rows(v)));
  }
  return parts.empty() ? v.slice(0, 0, 0) : at::cat(parts);
}

}  // namespace pointattn::reference
