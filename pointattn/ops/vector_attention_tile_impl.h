// SPDX-License-Identifier: Apache-2.0
// Included by one source an instruction set; see vector_attention_tile.h.
#pragma once

#include "pointattn/ops/attention_simd.h"
#include "pointattn/ops/vector_attention_tile.h"

namespace pointattn::ops::vector_tile {
namespace {

using tile::broadcast;
using tile::exponential;
using tile::kLanes;
using tile::load;
using tile::store;
using tile::Vector;

constexpr int64_t kBlock = 8;  // rows of an inner product; divides kPad

/// Lanes c, c+1, … of a row of `width` elements, zeros beyond its end.
template <typename T>
POINTATTN_INLINE Vector<T> load_part(const T* row, int64_t c, int64_t width) {
  if (c + kLanes<T> <= width) return load(row + c);
  Vector<T> value{};
  __builtin_memcpy(&value, row + c, static_cast<uint64_t>(width - c) * sizeof(T));
  return value;
}

template <typename T>
POINTATTN_INLINE void store_part(T* row, int64_t c, int64_t width, Vector<T> value) {
  if (c + kLanes<T> <= width) return store(row + c, value);
  __builtin_memcpy(row + c, &value, static_cast<uint64_t>(width - c) * sizeof(T));
}

/// Not a maximum: NaN stays NaN.
template <typename T>
POINTATTN_INLINE Vector<T> relu(Vector<T> x) {
  return x < Vector<T>{} ? Vector<T>{} : x;
}

/// The pairs of the points, those of a point behind one another, and the first layer of δ.
template <typename T>
POINTATTN_INLINE void collect_pairs(const Operands<T>& in,
                                    const T* layer,
                                    int64_t begin,
                                    int64_t end,
                                    T* position,
                                    int64_t* neighbor,
                                    int64_t* first) {
  int64_t row = 0;
  for (int64_t i = begin; i < end; ++i) {
    first[i - begin] = row;
    for (int64_t k = i * in.neighbors; k < (i + 1) * in.neighbors; ++k) {
      const int64_t j = in.index[k];
      if (j < 0) continue;
      for (int64_t d = 0; d < 3; ++d) {
        T sum = layer[9 + d];
        for (int64_t c = 0; c < 3; ++c) {
          sum += layer[3 * c + d] * (in.xyz[3 * j + c] - in.xyz[3 * i + c]);
        }
        position[3 * row + d] = sum < 0 ? 0 : sum;
      }
      neighbor[row++] = j;
    }
  }
  first[end - begin] = row;
}

/// relation = ReLU(scale ∘ (k_j − q_i + δ_ij) + shift) for the rows of one point.
template <typename T>
POINTATTN_INLINE void relate(const Operands<T>& in,
                             const T* layer,
                             const T* query,
                             const T* position,
                             const int64_t* neighbor,
                             int64_t rows,
                             T* relation) {
  const int64_t width = padded(in.channels);
  for (int64_t c = 0; c < in.channels; c += kLanes<T>) {
    const Vector<T> w0 = load(layer + c), w1 = load(layer + width + c),
                    w2 = load(layer + 2 * width + c), scale = load(layer + 3 * width + c);
    const Vector<T> base = load(layer + 4 * width + c) - scale * load_part(query, c, in.channels);
    for (int64_t r = 0; r < rows; ++r) {
      const T* h = position + 3 * r;
      Vector<T> sum =
          base + scale * load_part(in.key.first + neighbor[r] * in.key.stride, c, in.channels);
      sum += w0 * h[0];
      sum += w1 * h[1];
      sum += w2 * h[2];
      store<T>(relation + r * width + c, relu<T>(sum));
    }
  }
}

/// out[rows,width] = x[rows,depth] · layer[depth,width] + layer[depth], rows rounded up to kBlock.
template <bool kRelu, typename T>
POINTATTN_INLINE void multiply(const T* x,
                               int64_t stride,
                               int64_t rows,
                               int64_t depth,
                               const T* layer,
                               int64_t width,
                               T* out) {
  for (int64_t r = 0; r < rows; r += kBlock) {
    for (int64_t c = 0; c < width; c += kLanes<T>) {
      Vector<T> sum[kBlock];
#pragma GCC unroll 8
      for (int64_t m = 0; m < kBlock; ++m) sum[m] = load(layer + depth * width + c);
      for (int64_t d = 0; d < depth; ++d) {
        const Vector<T> w = load(layer + d * width + c);
#pragma GCC unroll 8
        for (int64_t m = 0; m < kBlock; ++m) sum[m] += w * x[(r + m) * stride + d];
      }
#pragma GCC unroll 8
      for (int64_t m = 0; m < kBlock; ++m) {
        store<T>(out + (r + m) * width + c, kRelu ? relu<T>(sum[m]) : sum[m]);
      }
    }
  }
}

/// Softmax over the rows of one point, column by column.
template <typename T>
POINTATTN_INLINE void softmax(T* logits, int64_t rows, int64_t width) {
  for (int64_t g = 0; g < width; g += kLanes<T>) {
    Vector<T> most = load(logits + g);
    for (int64_t r = 1; r < rows; ++r) {
      const Vector<T> value = load(logits + r * width + g);
      most = most < value ? value : most;
    }
    Vector<T> sum{};
    for (int64_t r = 0; r < rows; ++r) {
      const Vector<T> weight = exponential<T>(load(logits + r * width + g) - most);
      store<T>(logits + r * width + g, weight);
      sum += weight;
    }
    const Vector<T> factor = T(1) / sum;
    for (int64_t r = 0; r < rows; ++r) {
      store<T>(logits + r * width + g, load(logits + r * width + g) * factor);
    }
  }
}

/// Repeats each row of the attention a vector past its G columns, so that a vector read at c mod G has the
/// weights of channels c, c+1, …; and averages the first layer of δ, which is shared by the channels.
template <typename T>
POINTATTN_INLINE void extend(
    const T* logits, const T* position, int64_t rows, int64_t groups, T* attention, T* mean) {
  const int64_t width = padded(groups);
  const int64_t extended = width + kPad;
  for (int64_t r = 0; r < rows; ++r) {
    const T* from = logits + r * width;
    T* to = attention + r * extended;
    for (int64_t g = 0; g < width; g += kLanes<T>) store<T>(to + g, load(from + g));
    if (groups >= kLanes<T>) {
      store<T>(to + groups, load(from));
    } else {
      for (int64_t g = groups; g < groups + kLanes<T>; ++g) to[g] = to[g - groups];
    }
  }
  for (int64_t g = 0; g < extended; g += kLanes<T>) {
    Vector<T> sum[3] = {};
    for (int64_t r = 0; r < rows; ++r) {
      const Vector<T> weight = load(attention + r * extended + g);
      for (int64_t d = 0; d < 3; ++d) sum[d] += weight * position[3 * r + d];
    }
    for (int64_t d = 0; d < 3; ++d) store<T>(mean + d * extended + g, sum[d]);
  }
}

/// out = Σ_j a_ij (v_j + δ_ij) of one point; Σ_j a_ij δ_ij = W_o mean + b_o.
template <typename T>
POINTATTN_INLINE void mix(const Operands<T>& in,
                          const T* layer,
                          const Scratch<T>& scratch,
                          int64_t first,
                          const int64_t* neighbor,
                          int64_t rows,
                          T* out) {
  const int64_t width = padded(in.channels);
  const int64_t extended = padded(in.groups) + kPad;
  const T* attention = scratch.attention + first * extended;
  for (int64_t c = 0; c < in.channels; c += kLanes<T>) {
    const int64_t g = c % in.groups;
    Vector<T> sum = load(layer + 3 * width + c);
    for (int64_t d = 0; d < 3; ++d) {
      sum += load(layer + d * width + c) * load(scratch.mean + d * extended + g);
    }
    for (int64_t r = 0; r < rows; ++r) {
      sum += load(attention + r * extended + g) *
             load_part(in.value.first + neighbor[r] * in.value.stride, c, in.channels);
    }
    store_part<T>(out, c, in.channels, sum);
  }
}

template <typename T>
void attend(const Operands<T>& in,
            const Layers<T>& layers,
            int64_t begin,
            int64_t end,
            const Scratch<T>& scratch,
            int64_t* neighbor,
            int64_t* first) {
  const int64_t width = padded(in.channels);
  const int64_t groups = padded(in.groups);
  collect_pairs(in, layers.position, begin, end, scratch.position, neighbor, first);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t row = first[i - begin];
    relate(in,
           layers.relation,
           in.query.first + i * in.query.stride,
           scratch.position + 3 * row,
           neighbor + row,
           first[i - begin + 1] - row,
           scratch.relation + row * width);
  }
  const int64_t pairs = first[end - begin];
  multiply<true>(
      scratch.relation, width, pairs, in.channels, layers.hidden, groups, scratch.hidden);
  multiply<false>(scratch.hidden, groups, pairs, in.groups, layers.logits, groups, scratch.logits);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t row = first[i - begin];
    const int64_t rows = first[i - begin + 1] - row;
    T* out = in.out + i * in.channels;
    if (rows == 0) {
      for (int64_t c = 0; c < in.channels; ++c) out[c] = 0;
      continue;
    }
    softmax(scratch.logits + row * groups, rows, groups);
    extend(scratch.logits + row * groups,
           scratch.position + 3 * row,
           rows,
           in.groups,
           scratch.attention + row * (groups + kPad),
           scratch.mean);
    mix(in, layers.offset, scratch, row, neighbor + row, rows, out);
  }
}

}  // namespace
}  // namespace pointattn::ops::vector_tile
