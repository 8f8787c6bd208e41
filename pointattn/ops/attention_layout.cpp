// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention_layout.h"

#include <ATen/Functions.h>
#include <ATen/Version.h>

#include <string>

namespace pointattn::ops::tile {
namespace {

int64_t ceil_div(int64_t value, int64_t unit) { return (value + unit - 1) / unit; }

}  // namespace

template <typename T>
const Kernels<T>& best_kernels() {
#if defined(__x86_64__)
  static const std::string capability = at::get_cpu_capability();
  if (capability == "AVX512") return avx512_kernels<T>();
  if (capability == "AVX2") return avx2_kernels<T>();
#endif
  return baseline_kernels<T>();
}

template <typename T>
Layout<T>::Layout(const std::vector<int64_t>& offsets)
    : kernels_(best_kernels<T>()), rows_(offsets.back()) {
  int64_t group = 0;
  int64_t panel = 0;
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    const int64_t count = offsets[b + 1] - offsets[b];
    if (count == 0) continue;
    clouds_.push_back({offsets[b], count, group, panel});
    group += ceil_div(count, kernels_.group);
    panel += ceil_div(count, kernels_.panel);
  }
  for (const Cloud& cloud : clouds_) {
    for (int64_t r = 0; r < cloud.count; r += kTileRows) {
      tiles_.push_back({&cloud, r, std::min(kTileRows, cloud.count - r)});
    }
  }
}

template <typename T>
at::Tensor Layout<T>::pack_points(const at::Tensor& matrix,
                                  int64_t unit,
                                  int64_t Cloud::*first) const {
  const int64_t depth = matrix.size(1);
  const int64_t units =
      clouds_.empty() ? 0 : clouds_.back().*first + ceil_div(clouds_.back().count, unit);
  at::Tensor packed = at::empty({units * unit * depth}, matrix.options());
  const T* from = matrix.const_data_ptr<T>();
  T* to = packed.mutable_data_ptr<T>();
  at::parallel_for(0, static_cast<int64_t>(tiles_.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const RowTile& tile = tiles_[t];
      const T* rows = from + (tile.cloud->begin + tile.begin) * depth;
      T* out = to + (tile.cloud->*first * unit + tile.begin) * depth;
      for (int64_t r0 = 0; r0 < tile.rows; r0 += unit) {
        const int64_t valid = std::min(unit, tile.rows - r0);
        for (int64_t d = 0; d < depth; ++d, out += unit) {
          for (int64_t r = 0; r < valid; ++r) out[r] = rows[(r0 + r) * depth + d];
          std::fill(out + valid, out + unit, T(0));
        }
      }
    }
  });
  return packed;
}

template <typename T>
at::Tensor Layout<T>::pack_groups(const at::Tensor& matrix) const {
  return pack_points(matrix, kernels_.group, &Cloud::first_group);
}

template <typename T>
at::Tensor Layout<T>::pack_panels(const at::Tensor& matrix) const {
  return pack_points(matrix, kernels_.panel, &Cloud::first_panel);
}

template <typename T>
at::Tensor Layout<T>::pack_columns(const at::Tensor& matrix) const {
  const int64_t width = matrix.size(1);
  const int64_t panel = kernels_.panel;
  at::Tensor packed = at::empty({ceil_div(width, panel) * rows_ * panel}, matrix.options());
  const T* from = matrix.const_data_ptr<T>();
  T* to = packed.mutable_data_ptr<T>();
  at::parallel_for(0, rows_, 256, [&](int64_t begin, int64_t end) {
    for (int64_t c = 0; c < width; c += panel) {
      const int64_t valid = std::min(panel, width - c);
      T* out = to + c * rows_ + begin * panel;
      for (int64_t r = begin; r < end; ++r, out += panel) {
        std::copy_n(from + r * width + c, valid, out);
        std::fill(out + valid, out + panel, T(0));
      }
    }
  });
  return packed;
}

template const Kernels<float>& best_kernels<float>();
template const Kernels<double>& best_kernels<double>();
template class Layout<float>;
template class Layout<double>;

}  // namespace pointattn::ops::tile
