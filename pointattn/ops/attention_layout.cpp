// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention_layout.h"

#include "pointattn/ops/instruction_set.h"

#include <ATen/Functions.h>

namespace pointattn::ops::tile {
namespace {

int64_t ceil_div(int64_t value, int64_t unit) { return (value + unit - 1) / unit; }

/// The rows of one group or panel, those beyond `count` being padding.
struct Unit {
  int64_t first, count, rows;
};

/// to[column][row] = matrix[row, head, column], times its factors.
template <typename T>
void copy_points(const Scaled<T>& scaled, int64_t head, const Unit& unit, T* to) {
  const at::Tensor& matrix = scaled.matrix;
  const int64_t stride = matrix.stride(0);
  const T* from = matrix.const_data_ptr<T>() + head * matrix.stride(1) + unit.first * stride;
  T factor[kMaxPanel];
  for (int64_t r = 0; r < unit.count; ++r) factor[r] = scaled.at(unit.first + r);
  for (int64_t c = 0; c < matrix.size(2); ++c, to += unit.rows) {
    for (int64_t r = 0; r < unit.count; ++r) to[r] = from[r * stride + c] * factor[r];
    std::fill(to + unit.count, to + unit.rows, T(0));
  }
}

}  // namespace

template <typename T>
const Kernels<T>& best_kernels() {
#if defined(__x86_64__)
  if (instruction_set() == InstructionSet::kAvx512) return avx512_kernels<T>();
  if (instruction_set() == InstructionSet::kAvx2) return avx2_kernels<T>();
#endif
  return baseline_kernels<T>();
}

template <>
const Kernels<float>& kernels_for<float>(at::ScalarType inputs) {
#if defined(__x86_64__)
  // Intel's take two cycles for a VDPBF16PS and half of one for a multiply-add of float32 (Sapphire
  // Rapids): slower by a factor of two. AMD's (Zen 4, Zen 5) take as long for either.
  static const bool faster = instruction_set() == InstructionSet::kAvx512 &&
                             __builtin_cpu_supports("avx512bf16") && !__builtin_cpu_is("intel");
  if (faster && inputs == at::kBFloat16) {
    static const Kernels<float> reduced = avx512_bfloat16_kernels();
    return reduced;
  }
#endif
  return best_kernels<float>();
}

template <>
const Kernels<double>& kernels_for<double>(at::ScalarType) {
  return best_kernels<double>();
}

template <typename T>
Layout<T>::Layout(const std::vector<int64_t>& offsets,
                  const std::vector<bool>& chosen,
                  const Kernels<T>& kernels)
    : kernels_(kernels), rows_(offsets.back()), chosen_(chosen) {
  int64_t group = 0;
  int64_t panel = 0;
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    if (!chosen.empty() && !chosen[b]) continue;
    const int64_t count = offsets[b + 1] - offsets[b];
    clouds_.push_back({static_cast<int64_t>(b), offsets[b], count, group, panel});
    group += ceil_div(count, kernels_.group);
    panel += ceil_div(count, kernels_.panel);
  }
  for (const Cloud& cloud : clouds_) {
    for (int64_t r = 0; r < cloud.count; r += kTileRows) {
      row_tiles_.push_back({&cloud, r, std::min(kTileRows, cloud.count - r)});
    }
  }
}

template <typename T>
PackedPoints<T> Layout<T>::points(const std::vector<Scaled<T>>& matrices,
                                  int64_t unit,
                                  int64_t Cloud::*first_unit) const {
  int64_t width = 0;
  for (const Scaled<T>& side : matrices) width += side.matrix.size(2);
  const int64_t units =
      clouds_.empty() ? 0 : clouds_.back().*first_unit + ceil_div(clouds_.back().count, unit);
  const int64_t heads = matrices[0].matrix.size(1);
  const int64_t head_stride = units * unit * width;
  PackedPoints<T> packed{at::empty({heads * head_stride}, matrices[0].matrix.options()),
                         unit,
                         width,
                         head_stride,
                         first_unit};
  const auto count = static_cast<int64_t>(row_tiles_.size());
  at::parallel_for(0, heads * count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const Span& tile = row_tiles_[task % count];
      const int64_t head = task / count;
      T* out = packed.data.template mutable_data_ptr<T>() + packed.offset(tile, head);
      for (int64_t r0 = 0; r0 < tile.count; r0 += unit) {
        for (const Scaled<T>& side : matrices) {
          copy_points(side, head, {tile.first() + r0, std::min(unit, tile.count - r0), unit}, out);
          out += side.matrix.size(2) * unit;
        }
      }
    }
  });
  return packed;
}

template <typename T>
PackedPoints<T> Layout<T>::groups(const Scaled<T>& matrix) const {
  return points({matrix}, kernels_.group, &Cloud::first_group);
}

template <typename T>
PackedPoints<T> Layout<T>::panels(const std::vector<Scaled<T>>& matrices) const {
  return points(matrices, kernels_.panel, &Cloud::first_panel);
}

template <typename T>
PackedColumns<T> Layout<T>::columns(const Scaled<T>& scaled) const {
  const at::Tensor& matrix = scaled.matrix;
  const int64_t heads = matrix.size(1);
  const int64_t row_stride = ceil_div(matrix.size(2), kernels_.panel) * kernels_.panel;
  const int64_t head_stride = rows_ * row_stride;
  PackedColumns<T> packed{at::empty({heads * head_stride}, matrix.options()),
                          kernels_.panel,
                          kernels_.packed_rows,
                          row_stride,
                          head_stride};
  T* const to = packed.data.template mutable_data_ptr<T>();
  const auto count = static_cast<int64_t>(row_tiles_.size());
  at::parallel_for(0, heads * count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const Span& tile = row_tiles_[task % count];
      const int64_t head = task / count;
      pack_columns(scaled, tile, head, to + packed.offset(tile, head));
    }
  });
  return packed;
}

template <typename T>
void Layout<T>::pack_columns(const Scaled<T>& scaled, const Span& span, int64_t head, T* to) const {
  const at::Tensor& matrix = scaled.matrix;
  const T* first = matrix.const_data_ptr<T>() + head * matrix.stride(1);
  T factors[kTileRows];
  for (int64_t r = 0; r < span.count; ++r) factors[r] = scaled.at(span.first() + r);
  kernels_.pack_columns({first + span.first() * matrix.stride(0), matrix.stride(0), matrix.size(2)},
                        span.count,
                        factors,
                        to);
}

at::Tensor by_head(const at::Tensor& matrix) {
  const at::Tensor dense = matrix.stride(-1) == 1 ? matrix : matrix.contiguous();
  return dense.dim() == 2 ? dense.unsqueeze(1) : dense;
}

template <typename T>
at::Tensor row_products(const at::Tensor& a, const at::Tensor& b) {
  const int64_t rows = a.size(0);
  const int64_t heads = a.size(1);
  const int64_t width = a.size(2);
  at::Tensor result = at::empty({heads, rows}, a.options());
  const T* left = a.const_data_ptr<T>();
  const T* right = b.const_data_ptr<T>();
  T* to = result.mutable_data_ptr<T>();
  at::parallel_for(0, rows, 512, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin * heads; r < end * heads; ++r) {
      to[r % heads * rows + r / heads] =
          static_cast<T>(dot(left + r * width, right + r * width, width));
    }
  });
  return result;
}

template const Kernels<float>& best_kernels<float>();
template const Kernels<double>& best_kernels<double>();
template class Layout<float>;
template class Layout<double>;
template at::Tensor row_products<float>(const at::Tensor&, const at::Tensor&);
template at::Tensor row_products<double>(const at::Tensor&, const at::Tensor&);

}  // namespace pointattn::ops::tile
