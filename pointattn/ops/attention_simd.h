// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// Vectors as wide as the instruction set that the including source is compiled for. Everything here
// has internal linkage and uses no standard library function: a copy compiled for AVX-512 must
// never stand in for one that an older machine runs.
#pragma GCC diagnostic ignored "-Wpsabi"
namespace pointattn::ops::tile {
namespace {

#if defined(__AVX512F__)
constexpr int64_t kVectorBytes = 64;
constexpr int64_t kGroup = 12;  // 12 x 2 accumulators, 2 right operands: 26 of 32 registers
#elif defined(__AVX2__)
constexpr int64_t kVectorBytes = 32;
constexpr int64_t kGroup = 6;  // 12 of 16
#else
constexpr int64_t kVectorBytes = 16;
constexpr int64_t kGroup = 4;
#endif

template <typename T>
struct Simd;
template <>
struct Simd<float> {
  typedef float Vector __attribute__((vector_size(kVectorBytes)));
  typedef int32_t Bits __attribute__((vector_size(kVectorBytes)));
};
template <>
struct Simd<double> {
  typedef double Vector __attribute__((vector_size(kVectorBytes)));
  typedef int64_t Bits __attribute__((vector_size(kVectorBytes)));
};
template <typename T>
using Vector = typename Simd<T>::Vector;
template <typename T>
constexpr int64_t kLanes = kVectorBytes / static_cast<int64_t>(sizeof(T));
template <typename T>
constexpr int64_t kPanel = 2 * kLanes<T>;

#define POINTATTN_INLINE [[gnu::always_inline]] inline

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
POINTATTN_INLINE Vector<T> broadcast(T value) {
  return Vector<T>{} + value;
}
template <typename T>
POINTATTN_INLINE T sum_lanes(Vector<T> value) {
  T sum = 0;
  for (int64_t l = 0; l < kLanes<T>; ++l) sum += value[l];
  return sum;
}
template <typename T>
POINTATTN_INLINE T max_lanes(Vector<T> value) {
  T max = value[0];
  for (int64_t l = 1; l < kLanes<T>; ++l) max = value[l] > max ? value[l] : max;
  return max;
}

// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2, ln 2 in two parts so that r keeps its
// bits.
template <typename T>
struct ExpConstants;
template <>
struct ExpConstants<float> {
  // 1.5 * 2^23 and the bias of the exponent: adding it leaves n + bias in the low mantissa bits.
  static constexpr float kRound = 12582912.0F + 127;
  static constexpr float kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F,
                         kInvLn2 = 1.44269504088896341F;
  static constexpr float kZeroBelow = -87.33654F;  // smaller results are not normal numbers
  static constexpr int kMantissa = 23;
  // exp(r) = 1 + r + r^2 (c0 + c1 r + ...): minimax in relative error (3e-9), fitted with Lawson's
  // algorithm.
  static constexpr float kSeries[] = {0.49999994F,
                                      0.1666651964187622F,
                                      0.04166840389370918F,
                                      0.00836889911442995F,
                                      0.001381422160193324F};
};
template <>
struct ExpConstants<double> {
  static constexpr double kRound = 6755399441055744.0 + 1023;  // 1.5 * 2^52
  static constexpr double kLn2High = 6.93145751953125e-1, kLn2Low = 1.42860682030941723212e-6;
  static constexpr double kInvLn2 = 1.44269504088896340736;
  static constexpr double kZeroBelow = -708.39;
  static constexpr int kMantissa = 52;
  // Taylor's series to r^13: the next term is below 5e-18.
  static constexpr double kSeries[] = {1.0 / 2,
                                       1.0 / 6,
                                       1.0 / 24,
                                       1.0 / 120,
                                       1.0 / 720,
                                       1.0 / 5040,
                                       1.0 / 40320,
                                       1.0 / 362880,
                                       1.0 / 3628800,
                                       1.0 / 39916800,
                                       1.0 / 479001600,
                                       1.0 / 6227020800};
};

/// exp(x) for x <= 88 (709): within 2 ulp, 0 below the normal numbers and for -infinity, NaN for
/// NaN.
template <typename T>
POINTATTN_INLINE Vector<T> exponential(Vector<T> x) {
  using C = ExpConstants<T>;
  using Bits = typename Simd<T>::Bits;
  constexpr int kTerms = sizeof(C::kSeries) / sizeof(C::kSeries[0]);
  const Vector<T> shifted = x * C::kInvLn2 + C::kRound;
  const Vector<T> n = shifted - C::kRound;
  Vector<T> r = x - n * C::kLn2High;
  r = r - n * C::kLn2Low;
  Vector<T> series = broadcast<T>(C::kSeries[kTerms - 1]);
#pragma GCC unroll 16
  for (int i = kTerms - 2; i >= 0; --i) series = series * r + C::kSeries[i];
  const Vector<T> mantissa = (series * r + T(1)) * r + T(1);
  Bits bits;
  __builtin_memcpy(&bits, &shifted, sizeof(bits));
  bits = bits << C::kMantissa;
  Vector<T> power;
  __builtin_memcpy(&power, &bits, sizeof(bits));
  return x < C::kZeroBelow ? Vector<T>{} : mantissa * power;
}

}  // namespace
}  // namespace pointattn::ops::tile
