// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/offset_attention_symmetric.h"

#include "pointattn/ops/gaussian_kernel.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace pointattn::ops {
namespace {

using tile::PackedPoints;
using tile::RowNumbers;
using tile::Scaled;
using tile::Scratch;
using tile::Span;

/// Half the squared lengths of a cloud may differ by this much. Entries of G w below the smallest
/// normal number become zero; the sum of their row is at least w_i = exp(−spread).
template <typename T>
constexpr double kMostSpread = sizeof(T) == sizeof(float) ? 60 : 600;

/// Columns begin … begin + count of some matrices side by side, of the rows of a tile.
template <typename T>
void copy_columns(const std::vector<Scaled<T>>& matrices,
                  const Span& rows,
                  int64_t begin,
                  int64_t count,
                  T* tile) {
  int64_t before = 0;  // columns of the matrices that came before
  for (const Scaled<T>& side : matrices) {
    const int64_t width = side.matrix.size(2);
    const int64_t from = std::max(begin, before), to = std::min(begin + count, before + width);
    const T* first = side.matrix.template const_data_ptr<T>();
    const int64_t stride = side.matrix.stride(0);
    for (int64_t r = 0; from < to && r < rows.count; ++r) {
      const int64_t row = rows.first() + r;
      const T* source = first + row * stride;
      T* target = tile + r * tile::kTileCols;
      const T factor = side.at(row);
      for (int64_t c = from; c < to; ++c) target[c - begin] = source[c - before] * factor;
    }
    before += width;
  }
}

/// x_i · y_j + y_i · x_j of a tile. Only the right operands lie packed, the left ones are copied a
/// piece at a time.
template <typename T>
class SymmetricGradient {
 public:
  SymmetricGradient(const tile::Layout<T>& layout,
                    std::vector<Scaled<T>> x,
                    std::vector<Scaled<T>> y)
      : kernels_(layout.kernels()),
        x_(std::move(x)),
        y_(std::move(y)),
        x_panels_(layout.panels(x_)),
        y_panels_(layout.panels(y_)) {}

  void operator()(const Span& rows, const Span& columns, Scratch<T>& scratch) const {
    for (int64_t r = 0; r < rows.count; ++r) {
      std::fill_n(scratch.products + r * tile::kTileCols, tile::kTileCols, T(0));
    }
    add(x_, rows, y_panels_, columns, scratch);
    add(y_, rows, x_panels_, columns, scratch);
  }

 private:
  void add(const std::vector<Scaled<T>>& left,
           const Span& rows,
           const PackedPoints<T>& right,
           const Span& columns,
           Scratch<T>& scratch) const {
    const int64_t panel = kernels_.panel;
    const int64_t width = (columns.count + panel - 1) / panel * panel;
    for (int64_t d = 0; d < right.width; d += tile::kTileCols) {
      const int64_t depth = std::min(tile::kTileCols, right.width - d);
      copy_columns(left, rows, d, depth, scratch.left);
      kernels_.multiply(scratch.left,
                        rows.count,
                        depth,
                        {right.at(columns) + d * panel, right.width * panel},
                        {scratch.products, tile::kTileCols, width});
    }
  }

  const tile::Kernels<T>& kernels_;
  std::vector<Scaled<T>> x_, y_;
  PackedPoints<T> x_panels_, y_panels_;
};

/// q [N,1,D] → [N]
template <typename T>
at::Tensor half_squares_of(const at::Tensor& q) {
  at::Tensor result = at::empty({q.size(0)}, q.options());
  T* const to = result.mutable_data_ptr<T>();
  at::parallel_for(0, q.size(0), 512, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* point = q.const_data_ptr<T>() + row * q.stride(0);
      to[row] = static_cast<T>(tile::dot(point, point, q.size(2)) / 2);
    }
  });
  return result;
}

/// For each cloud whether the half squares lie close enough together.
template <typename T>
std::vector<bool> alike(const at::Tensor& half_squares, const std::vector<int64_t>& offsets) {
  const T* values = half_squares.const_data_ptr<T>();
  std::vector<bool> result;
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    T least = std::numeric_limits<T>::max(), most = 0;
    bool finite = true;
    for (int64_t row = offsets[b]; row < offsets[b + 1]; ++row) {
      finite = finite && std::isfinite(values[row]);
      least = std::min(least, values[row]);
      most = std::max(most, values[row]);
    }
    result.push_back(finite && most - least <= kMostSpread<T>);
  }
  return result;
}

std::vector<bool> others(std::vector<bool> chosen) {
  chosen.flip();
  return chosen;
}

}  // namespace

template <typename T>
OffsetAttentionForms<T>::OffsetAttentionForms(const at::Tensor& q,
                                              bool shared,
                                              const std::vector<int64_t>& offsets,
                                              const tile::Kernels<T>& kernels)
    : half_squares(shared ? half_squares_of<T>(q) : at::Tensor()),
      symmetric(
          offsets,
          shared ? alike<T>(half_squares, offsets) : std::vector<bool>(offsets.size() - 1, false),
          kernels),
      general(offsets, others(symmetric.chosen()), kernels) {}

template <typename T>
void symmetric_forward(const OffsetAttentionForms<T>& forms,
                       const at::Tensor& q,
                       const at::Tensor& v,
                       const OffsetAttentionResult& result) {
  const tile::Layout<T>& layout = forms.symmetric;
  if (layout.row_tiles().empty()) return;
  tile::GaussianKernel<T> kernel(layout, q, forms.half_squares);
  const auto& [out, row_max, row_scale, column_scale] = result;
  const int64_t width = v.size(2);
  T* const values = out.template mutable_data_ptr<T>();
  T* const max = row_max.template mutable_data_ptr<T>();
  T* const inverse = row_scale.template mutable_data_ptr<T>();
  T* const scale = column_scale.template mutable_data_ptr<T>();
  const RowNumbers<T> sums(at::empty_like(forms.half_squares));  // S, then T
  tile::for_each_row(layout, [&](int64_t row) { sums[row] = kernel.weight[row]; });
  kernel.multiply(kernel.weight.begin(), sums.begin(), {}, {nullptr, 0, 0});
  const T* const all_values = v.const_data_ptr<T>();
  tile::for_each_row(layout, [&](int64_t row) {
    // P_ij = exp(E_ij − a_i − max a) / S_i
    max[row] = kernel.shift[row] + kernel.largest[row];
    inverse[row] = 1 / sums[row];
    sums[row] = inverse[row];
    const T* value = all_values + row * v.stride(0);
    for (int64_t c = 0; c < width; ++c) values[row * width + c] = value[c] * inverse[row];
  });
  kernel.multiply(inverse, sums.begin(), {v, 1, inverse}, {values, width, width});
  tile::for_each_row(layout, [&](int64_t row) {
    const T weight = kernel.weight[row];
    scale[row] = 1 / (static_cast<T>(kColumnEpsilon) + weight * sums[row]);
    const T factor = weight * scale[row];
    for (int64_t c = 0; c < width; ++c) values[row * width + c] *= factor;
  });
}

template <typename T>
void symmetric_backward(const OffsetAttentionForms<T>& forms,
                        const at::Tensor& grad,
                        const at::Tensor& q,
                        const at::Tensor& v,
                        const OffsetAttentionResult& saved,
                        const OffsetAttentionGradients& result) {
  const tile::Layout<T>& layout = forms.symmetric;
  if (layout.row_tiles().empty()) return;
  tile::GaussianKernel<T> kernel(layout, q, forms.half_squares);
  const auto& [out, row_max, row_scale, column_scale] = saved;
  const int64_t width = v.size(2), depth = q.size(2);
  const T* const max = row_max.template const_data_ptr<T>();
  const T* const inverse = row_scale.template const_data_ptr<T>();
  const T* const scale = column_scale.template const_data_ptr<T>();
  const T* const all_values = v.const_data_ptr<T>();
  const T* const all_means = out.template const_data_ptr<T>();
  const T* const all_grads = grad.const_data_ptr<T>();
  T* const grad_v = std::get<2>(result).template mutable_data_ptr<T>();
  const RowNumbers<T> beta(at::empty_like(forms.half_squares));
  const RowNumbers<T> m(at::empty_like(forms.half_squares));
  const RowNumbers<T> dot(tile::row_products<T>(tile::by_head(out), grad));  // D, then α
  tile::for_each_row(layout, [&](int64_t row) {
    beta[row] = inverse[row] * std::exp(kernel.shift[row] + kernel.largest[row] - max[row]);
    m[row] = kernel.weight[row] * scale[row];
    dot[row] *= m[row];
  });

  const RowNumbers<T> sums(at::zeros_like(forms.half_squares));  // (G − I) α
  kernel.multiply(dot.begin(), sums.begin(), {grad, 1, m.begin()}, {grad_v, width, width});
  const RowNumbers<T> diagonal(at::empty_like(forms.half_squares));  // of X
  const at::Tensor x_end = at::empty({layout.rows(), 1, 2}, q.options());
  const at::Tensor y_end = at::empty_like(x_end);
  T* const x_ends = x_end.mutable_data_ptr<T>();
  T* const y_ends = y_end.mutable_data_ptr<T>();
  tile::for_each_row(layout, [&](int64_t row) {
    const T* value = all_values + row * width;
    const T* mean = all_means + row * width;
    const T* g = all_grads + row * width;
    T* sum = grad_v + row * width;
    // A point that attends to itself most has v_i ≈ out_i: the differences come before the products.
    const T self = kernel.weight[row] * beta[row] * scale[row];  // A_ii
    const double offset = tile::sum_of(width, [&](int64_t c) {   // (v_i − out_i) · g_i
      return static_cast<double>(value[c] - mean[c]) * g[c];
    });
    const double others = tile::dot(value, sum, width);  // v_i · Σ_j A_ij g_j without j = i
    for (int64_t c = 0; c < width; ++c) sum[c] = beta[row] * sum[c] + self * g[c];
    const double s = beta[row] * (others - sums[row]) + self * offset;
    diagonal[row] = static_cast<T>(2 * kernel.weight[row] * beta[row] * (scale[row] * offset - s));
    x_ends[2 * row] = beta[row];
    x_ends[2 * row + 1] = static_cast<T>(beta[row] * s);
    y_ends[2 * row] = -dot[row];
    y_ends[2 * row + 1] = -kernel.weight[row];
  });

  kernel.multiply_scaled(
      SymmetricGradient<T>(
          layout, {{v, 1, beta.begin()}, {x_end}}, {{grad, 1, m.begin()}, {y_end}}),
      diagonal.begin(),
      {q},
      {std::get<0>(result).template mutable_data_ptr<T>(), depth, depth});
}

#define POINTATTN_INSTANTIATE(T)                                      \
  template struct OffsetAttentionForms<T>;                            \
  template void symmetric_forward<T>(const OffsetAttentionForms<T>&,  \
                                     const at::Tensor&,               \
                                     const at::Tensor&,               \
                                     const OffsetAttentionResult&);   \
  template void symmetric_backward<T>(const OffsetAttentionForms<T>&, \
                                      const at::Tensor&,              \
                                      const at::Tensor&,              \
                                      const at::Tensor&,              \
                                      const OffsetAttentionResult&,   \
                                      const OffsetAttentionGradients&);
POINTATTN_INSTANTIATE(float)
POINTATTN_INSTANTIATE(double)
#undef POINTATTN_INSTANTIATE

}  // namespace pointattn::ops
