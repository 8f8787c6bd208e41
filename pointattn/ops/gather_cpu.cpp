// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/gather_inputs.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <numeric>

namespace pointattn::ops {
namespace {

using at::Tensor;

#define POINTATTN_DISPATCH_FLOATING(dtype, name, ...) \
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, dtype, name, __VA_ARGS__)

/// Rows a task takes at least, so that small tensors stay on one thread.
int64_t grain(int64_t row_cost) {
  return std::max<int64_t>(1, 16384 / std::max<int64_t>(1, row_cost));
}

void check_range(const Tensor& index, int64_t rows) {
  if (index.numel() == 0) return;
  const int64_t* first = index.const_data_ptr<int64_t>();
  const auto [lowest, highest] = std::minmax_element(first, first + index.numel());
  check_index_range(*lowest, *highest, rows);
}

Tensor gather_cpu(const Tensor& feat_in, const Tensor& index_in) {
  check_gather(feat_in, index_in);
  const Tensor feat = feat_in.contiguous();
  const Tensor index = index_in.contiguous();
  check_range(index, feat.size(0));
  const int64_t channels = feat.size(1);
  std::vector<int64_t> shape = index.sizes().vec();
  shape.push_back(channels);
  Tensor out = at::empty(shape, feat.options());
  POINTATTN_DISPATCH_FLOATING(feat.scalar_type(), "gather", [&] {
    const scalar_t* from = feat.const_data_ptr<scalar_t>();
    const int64_t* rows = index.const_data_ptr<int64_t>();
    scalar_t* to = out.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, index.numel(), grain(channels), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        if (rows[r] < 0) {
          std::fill_n(to + r * channels, channels, scalar_t(0));
        } else {
          std::copy_n(from + rows[r] * channels, channels, to + r * channels);
        }
      }
    });
  });
  return out;
}

/// Asks for a row ahead of its use: rows lie anywhere.
template <typename T>
void expect_row(const T* feat, int64_t row, int64_t channels) {
  constexpr int64_t kLine = 64 / sizeof(T);
  if (row < 0) return;
  for (int64_t c = 0; c < channels; c += kLine) __builtin_prefetch(feat + row * channels + c);
}

Tensor weighted_gather_cpu(const Tensor& feat_in, const Tensor& index_in, const Tensor& weight_in) {
  check_weighted_gather(feat_in, index_in, weight_in);
  const Tensor feat = feat_in.contiguous();
  const Tensor index = index_in.contiguous();
  const Tensor weight = weight_in.contiguous();
  check_range(index, feat.size(0));
  const int64_t channels = feat.size(1);
  const int64_t k = index.size(1);
  Tensor out = at::empty({index.size(0), channels}, feat.options());
  POINTATTN_DISPATCH_FLOATING(feat.scalar_type(), "weighted_gather", [&] {
    using Sum = at::opmath_type<scalar_t>;
    const scalar_t* from = feat.const_data_ptr<scalar_t>();
    const scalar_t* weights = weight.const_data_ptr<scalar_t>();
    const int64_t* rows = index.const_data_ptr<int64_t>();
    scalar_t* to = out.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, index.size(0), grain(k * channels), [&](int64_t begin, int64_t end) {
      std::vector<Sum> sum(static_cast<size_t>(channels));
      for (int64_t m = begin; m < end; ++m) {
        std::fill(sum.begin(), sum.end(), Sum(0));
        for (int64_t r = (m + 1) * k; r < std::min(m + 2, end) * k; ++r)
          expect_row(from, rows[r], channels);
        for (int64_t r = m * k; r < (m + 1) * k; ++r) {
          if (rows[r] < 0) continue;
          const Sum w = static_cast<Sum>(weights[r]);
          const scalar_t* row = from + rows[r] * channels;
          for (int64_t c = 0; c < channels; ++c)
            sum[static_cast<size_t>(c)] += w * static_cast<Sum>(row[c]);
        }
        for (int64_t c = 0; c < channels; ++c) {
          to[m * channels + c] = static_cast<scalar_t>(sum[static_cast<size_t>(c)]);
        }
      }
    });
  });
  return out;
}

/// Places of `index` in stable order of their value: those of value n are order[starts[n]] …
/// order[starts[n+1]-1].
struct Buckets {
  std::vector<int64_t> starts;
  std::vector<int64_t> order;

  Buckets(const int64_t* index, int64_t size, int64_t rows)
      : starts(static_cast<size_t>(rows) + 1) {
    for (int64_t r = 0; r < size; ++r) {
      if (index[r] >= 0) ++starts[static_cast<size_t>(index[r]) + 1];
    }
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    order.resize(static_cast<size_t>(starts.back()));
    std::vector<int64_t> next(starts.begin(), starts.end() - 1);
    for (int64_t r = 0; r < size; ++r) {
      if (index[r] >= 0) order[static_cast<size_t>(next[static_cast<size_t>(index[r])]++)] = r;
    }
  }
};

Tensor gather_backward_cpu(const Tensor& grad_in,
                           const Tensor& index_in,
                           const std::optional<Tensor>& weight_in,
                           int64_t rows) {
  check_gather_backward(grad_in, index_in, weight_in, rows);
  const Tensor grad = grad_in.contiguous();
  const Tensor index = index_in.contiguous();
  const Tensor weight = weight_in ? weight_in->contiguous() : Tensor();
  check_range(index, rows);
  const int64_t channels = grad.size(1);
  const int64_t k = weight.defined() ? index.size(1) : 1;
  const Buckets buckets(index.const_data_ptr<int64_t>(), index.numel(), rows);
  Tensor out = at::empty({rows, channels}, grad.options());
  POINTATTN_DISPATCH_FLOATING(grad.scalar_type(), "gather_backward", [&] {
    using Sum = at::opmath_type<scalar_t>;
    const scalar_t* from = grad.const_data_ptr<scalar_t>();
    const scalar_t* weights = weight.defined() ? weight.const_data_ptr<scalar_t>() : nullptr;
    scalar_t* to = out.mutable_data_ptr<scalar_t>();
    const int64_t cost = channels * (index.numel() / std::max<int64_t>(1, rows) + 1);
    at::parallel_for(0, rows, grain(cost), [&](int64_t begin, int64_t end) {
      std::vector<Sum> sum(static_cast<size_t>(channels));
      for (int64_t n = begin; n < end; ++n) {
        std::fill(sum.begin(), sum.end(), Sum(0));
        for (int64_t i = buckets.starts[static_cast<size_t>(n)];
             i < buckets.starts[static_cast<size_t>(n) + 1];
             ++i) {
          const int64_t r = buckets.order[static_cast<size_t>(i)];
          const Sum w = weights ? static_cast<Sum>(weights[r]) : Sum(1);
          const scalar_t* row = from + r / k * channels;
          for (int64_t c = 0; c < channels; ++c)
            sum[static_cast<size_t>(c)] += w * static_cast<Sum>(row[c]);
        }
        for (int64_t c = 0; c < channels; ++c) {
          to[n * channels + c] = static_cast<scalar_t>(sum[static_cast<size_t>(c)]);
        }
      }
    });
  });
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CPU, m) {
  m.impl("gather", &gather_cpu);
  m.impl("_weighted_gather", &weighted_gather_cpu);
  m.impl("_gather_backward", &gather_backward_cpu);
}

}  // namespace pointattn::ops
