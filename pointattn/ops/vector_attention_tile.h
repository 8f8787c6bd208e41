// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The inner loops of vector attention on a CPU: everything that happens to the pairs of a few points,
/// in memory that stays in the cache. One source is compiled once an instruction set
/// (vector_attention_tile_*.cpp) and the best table is chosen at run time. Each point is computed in
/// one order of operations, whichever tile or thread it falls to.
namespace pointattn::ops::vector_tile {

inline constexpr int64_t kTilePairs = 128;  ///< pairs of a tile, unless one point has more
inline constexpr int64_t kPad = 16;         ///< widths are padded to a multiple of every vector

[[gnu::always_inline]] constexpr int64_t padded(int64_t width) {
  return (width + kPad - 1) / kPad * kPad;
}

/// Rows `stride` elements apart.
template <typename T>
struct Rows {
  const T* first;
  int64_t stride;
};

template <typename T>
struct Operands {
  const T* xyz;  ///< [N,3]
  Rows<T> query, key, value;
  const int64_t* index;  ///< [N,neighbors]
  T* out;                ///< [N,channels]
  int64_t neighbors, channels, groups;

  int64_t tile_points() const {
    return neighbors == 0 || neighbors > kTilePairs ? 1 : kTilePairs / neighbors;
  }
  int64_t tile_rows() const { return padded(tile_points() * neighbors); }
};

/// Layers of the operator in the layout that the loops read, widths padded with zeros.
template <typename T>
struct Layers {
  const T* position;  ///< [4,3]: W_p transposed, b_p
  const T* offset;    ///< [4,padded(C)]: W_o transposed, b_o
  const T* relation;  ///< [5,padded(C)]: scale ∘ W_o transposed, scale, shift + scale ∘ b_o
  const T* hidden;    ///< [C+1,padded(G)]: W_h transposed, b_h
  const T* logits;    ///< [G+1,padded(G)]: W_l transposed, b_l
};

/// Where a thread keeps a tile; all from one allocation of `size()` elements.
template <typename T>
struct Scratch {
  T* position;   ///< [rows,3]: ReLU(W_p (x_j − x_i) + b_p)
  T* relation;   ///< [rows,padded(C)]: what γ's first layer sees
  T* hidden;     ///< [rows,padded(G)]
  T* logits;     ///< [rows,padded(G)], then the attention
  T* attention;  ///< [rows,padded(G)+kPad]: the attention, repeated past G
  T* mean;       ///< [3,padded(G)+kPad]: Σ_j attention · position

  static int64_t size(const Operands<T>& in) {
    const int64_t g = padded(in.groups);
    return in.tile_rows() * (3 + padded(in.channels) + 2 * g + g + kPad) + 3 * (g + kPad);
  }
  Scratch(T* from, const Operands<T>& in) {
    const int64_t rows = in.tile_rows(), g = padded(in.groups);
    relation = from;
    hidden = relation + rows * padded(in.channels);
    logits = hidden + rows * g;
    attention = logits + rows * g;
    mean = attention + rows * (g + kPad);
    position = mean + 3 * (g + kPad);
  }
};

/// Fills out[begin … end−1]; at most tile_points() points. `neighbor` [tile_rows()] and `first`
/// [tile_points()+1] are scratch.
template <typename T>
using Attend = void (*)(const Operands<T>& in,
                        const Layers<T>& layers,
                        int64_t begin,
                        int64_t end,
                        const Scratch<T>& scratch,
                        int64_t* neighbor,
                        int64_t* first);

template <typename T>
Attend<T> baseline_attend();
#if defined(__x86_64__)
template <typename T>
Attend<T> avx2_attend();
template <typename T>
Attend<T> avx512_attend();
#endif

}  // namespace pointattn::ops::vector_tile
