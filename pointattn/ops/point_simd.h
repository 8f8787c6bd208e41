// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

// Sixteen values at a time, in as many vectors as the instruction set that the including source is
// compiled for needs. Everything here has internal linkage and uses no standard library function: a
// copy compiled for AVX-512 must never stand in for one that an older machine runs.
#pragma GCC diagnostic ignored "-Wpsabi"
namespace pointattn::ops::search {
namespace {

#define POINTATTN_INLINE [[gnu::always_inline]] inline

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <typename T>
struct Native;
template <>
struct Native<float> {
  typedef float Vector __attribute__((vector_size(kVectorBytes)));
};
template <>
struct Native<double> {
  typedef double Vector __attribute__((vector_size(kVectorBytes)));
};
template <>
struct Native<int32_t> {
  typedef int32_t Vector __attribute__((vector_size(kVectorBytes)));
};
template <>
struct Native<int64_t> {
  typedef int64_t Vector __attribute__((vector_size(kVectorBytes)));
};
template <typename T>
using Vector = typename Native<T>::Vector;
template <typename T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <typename T>
POINTATTN_INLINE Vector<T> load(const T* from) {
  Vector<T> value;
  __builtin_memcpy(&value, from, sizeof(value));
  return value;
}
template <typename T>
POINTATTN_INLINE void store(T* to, Vector<T> value) {
  __builtin_memcpy(to, &value, sizeof(value));
}

template <typename T>
struct Sixteen {
  static constexpr int kParts = 16 / kLanes<T>;
  Vector<T> part[kParts];
};

/// Bit l: lane l of a is below that of b, or with kOrEqual not above it. None is NaN.
template <bool kOrEqual, typename T>
POINTATTN_INLINE uint32_t compare_lanes(Vector<T> a, Vector<T> b) {
#if defined(__AVX512F__)
  constexpr int kHow = kOrEqual ? _CMP_LE_OQ : _CMP_LT_OQ;
  if constexpr (sizeof(T) == 4) return _mm512_cmp_ps_mask((__m512)a, (__m512)b, kHow);
  if constexpr (sizeof(T) == 8) return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, kHow);
#elif defined(__AVX2__)
  constexpr int kHow = kOrEqual ? _CMP_LE_OQ : _CMP_LT_OQ;
  int bits = 0;
  if constexpr (sizeof(T) == 4)
    bits = _mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, kHow));
  if constexpr (sizeof(T) == 8)
    bits = _mm256_movemask_pd(_mm256_cmp_pd((__m256d)a, (__m256d)b, kHow));
  return static_cast<uint32_t>(bits);
#else
  uint32_t bits = 0;
  for (int l = 0; l < kLanes<T>; ++l) {
    const bool holds = kOrEqual ? a[l] <= b[l] : a[l] < b[l];
    bits |= static_cast<uint32_t>(holds) << l;
  }
  return bits;
#endif
}

/// The same of sixteen values.
template <typename T>
POINTATTN_INLINE uint32_t below(const Sixteen<T>& a, const Sixteen<T>& b) {
  uint32_t mask = 0;
#pragma GCC unroll 8
  for (int p = 0; p < Sixteen<T>::kParts; ++p)
    mask |= compare_lanes<false, T>(a.part[p], b.part[p]) << (p * kLanes<T>);
  return mask;
}
template <typename T>
POINTATTN_INLINE uint32_t below(const Sixteen<T>& values, T than) {
  uint32_t mask = 0;
#pragma GCC unroll 8
  for (int p = 0; p < Sixteen<T>::kParts; ++p)
    mask |= compare_lanes<false, T>(values.part[p], Vector<T>{} + than) << (p * kLanes<T>);
  return mask;
}
template <typename T>
POINTATTN_INLINE uint32_t not_above(const Sixteen<T>& values, T than) {
  uint32_t mask = 0;
#pragma GCC unroll 8
  for (int p = 0; p < Sixteen<T>::kParts; ++p)
    mask |= compare_lanes<true, T>(values.part[p], Vector<T>{} + than) << (p * kLanes<T>);
  return mask;
}

template <typename T>
POINTATTN_INLINE Sixteen<T> load_sixteen(const T* from) {
  Sixteen<T> values;
#pragma GCC unroll 8
  for (int p = 0; p < Sixteen<T>::kParts; ++p) values.part[p] = load(from + p * kLanes<T>);
  return values;
}
template <typename T>
POINTATTN_INLINE void store(T* to, const Sixteen<T>& values) {
#pragma GCC unroll 8
  for (int p = 0; p < Sixteen<T>::kParts; ++p) store<T>(to + p * kLanes<T>, values.part[p]);
}

/// Appends the values and labels whose bit is set; may write sixteen places.
template <typename T>
POINTATTN_INLINE void append(uint32_t mask,
                             const Sixteen<T>& values,
                             const int32_t* labels,
                             T* to_values,
                             int32_t* to_labels,
                             int& count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    const auto chosen = static_cast<__mmask16>(mask);
    _mm512_storeu_ps(to_values + count, _mm512_maskz_compress_ps(chosen, (__m512)values.part[0]));
    _mm512_storeu_si512(to_labels + count,
                        _mm512_maskz_compress_epi32(chosen, _mm512_loadu_si512(labels)));
    count += __builtin_popcount(mask);
    return;
  }
#endif
  alignas(64) T all[16];
  store(all, values);
  for (; mask != 0; mask &= mask - 1) {
    const int i = __builtin_ctz(mask);
    to_values[count] = all[i];
    to_labels[count++] = labels[i];
  }
}

}  // namespace
}  // namespace pointattn::ops::search
