// SPDX-License-Identifier: Apache-2.0
#pragma once

// Warp-wide matrix products, for kernels on the emulated GPU. A lane's fragment of an operand holds
// all of it, that of an accumulator eight elements at places of its own; code that treats all
// elements alike sees no difference. Inputs count as a tensor core reads them (of a float the bits
// of TF32), products are exact, and a sum with its accumulator is cut off to float: real ones keep
// a few bits more.

#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "cuda_runtime_api.h"
#include <bit>
#include <cstdio>
#include <cstdlib>

namespace nvcuda::wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
namespace precision {
struct tf32;
}
enum layout_t { mem_row_major, mem_col_major };

template <typename Type>
struct stored {
  using type = Type;
};
template <>
struct stored<precision::tf32> {
  using type = float;
};

template <typename Use, int m, int n, int k, typename Type, typename Layout = void>
struct fragment {
  static constexpr int kRows = std::is_same_v<Use, matrix_a> ? m : k;
  static constexpr int kColumns = std::is_same_v<Use, matrix_a> ? k : n;
  static constexpr int num_elements = kRows * kColumns;
  using element_type = Type;
  typename stored<Type>::type x[num_elements];
};
template <int m, int n, int k>
struct fragment<accumulator, m, n, k, float, void> {
  static constexpr int num_elements = m * n / 32;
  float x[num_elements];
  /// Where the element lies, in row-major order.
  static int place(int i) { return 32 * i + (emulated::lane() ^ (5 * i % 32)); }
};

template <typename Type>
void check_place(const Type* at, unsigned line) {
  if (reinterpret_cast<std::uintptr_t>(at) % 32 != 0 || line * sizeof(Type) % 16 != 0) {
    std::fprintf(stderr,
                 "emulated GPU: a fragment at an address or with a line that is not aligned\n");
    std::abort();
  }
}

template <typename Use, int m, int n, int k, typename Type, typename Layout, typename Stored>
void load_matrix_sync(fragment<Use, m, n, k, Type, Layout>& to, const Stored* from, unsigned line) {
  check_place(from, line);
  constexpr bool kRowMajor = std::is_same_v<Layout, row_major>;
  for (int i = 0; i < to.num_elements; ++i) {
    const auto row = static_cast<unsigned>(i / to.kColumns);
    const auto column = static_cast<unsigned>(i % to.kColumns);
    to.x[i] = from[kRowMajor ? row * line + column : column * line + row];
  }
}

template <int m, int n, int k>
void load_matrix_sync(fragment<accumulator, m, n, k, float>& to,
                      const float* from,
                      unsigned line,
                      layout_t layout) {
  check_place(from, line);
  for (int i = 0; i < to.num_elements; ++i) {
    const auto row = static_cast<unsigned>(to.place(i) / n);
    const auto column = static_cast<unsigned>(to.place(i) % n);
    to.x[i] = from[layout == mem_row_major ? row * line + column : column * line + row];
  }
}

template <int m, int n, int k>
void store_matrix_sync(float* to,
                       const fragment<accumulator, m, n, k, float>& from,
                       unsigned line,
                       layout_t layout) {
  check_place(to, line);
  for (int i = 0; i < from.num_elements; ++i) {
    const auto row = static_cast<unsigned>(from.place(i) / n);
    const auto column = static_cast<unsigned>(from.place(i) % n);
    to[layout == mem_row_major ? row * line + column : column * line + row] = from.x[i];
  }
}

template <typename Fragment, typename Value>
void fill_fragment(Fragment& to, Value value) {
  for (auto& element : to.x) element = value;
}

/// To the nearest of ten bits of mantissa, ties away from zero.
inline float __float_to_tf32(float value) {
  if (value != value) return value;
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + 0x1000U) & ~0x1fffU);
}

inline float operand(float value) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & ~0x1fffU);
}
inline float operand(c10::Half value) { return value; }
inline float operand(c10::BFloat16 value) { return value; }

inline float cut_off(double value) {
  const auto nearest = static_cast<float>(value);
  if (std::abs(static_cast<double>(nearest)) <= std::abs(value) || value != value) return nearest;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(nearest) - 1);
}

template <int m, int n, int k, typename Type, typename A, typename B>
void mma_sync(fragment<accumulator, m, n, k, float>& to,
              const fragment<matrix_a, m, n, k, Type, A>& a,
              const fragment<matrix_b, m, n, k, Type, B>& b,
              const fragment<accumulator, m, n, k, float>& c) {
  for (int i = 0; i < to.num_elements; ++i) {
    const int row = to.place(i) / n;
    const int column = to.place(i) % n;
    double sum = c.x[i];
    for (int d = 0; d < k; ++d)
      sum += static_cast<double>(operand(a.x[row * k + d])) * operand(b.x[d * n + column]);
    to.x[i] = cut_off(sum);
  }
}

}  // namespace nvcuda::wmma
