// SPDX-License-Identifier: Apache-2.0
// Operands of the attention kernels as tensor cores read them. A row of floats becomes one or two rows
// of halves: unit · (hi + lo), with a unit of its own, a power of two that leaves 11 bits in each part
// of whatever is not 2^28 times smaller than the largest number of the row. hi·hi + (hi·lo + lo·hi) is
// then as exact as the same sum of three products of TF32 parts, which have 11 bits as well, and takes
// half the time. Numbers of 16 bits are copied. Lines are padded with zeros to whole packs of 16 bytes.
#pragma once

#include "cuda/attention_tile.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <type_traits>

namespace pointattn::cuda::tensor {

/// The type that stands for T on tensor cores.
template <typename T>
using Part = std::conditional_t<std::is_same_v<T, float>, __half, T>;

constexpr int kPack = 8;  // numbers of 16 bytes

/// Rows of one head, or of all: [heads,rows,terms,line] and their units [heads,rows].
template <typename N>
struct Packed {
  N* data;
  float* unit;
  int64_t line;
};

inline int64_t packed_line(int64_t width) {
  return width > 0 ? (width + kPack - 1) / kPack * kPack : kPack;
}

/// A power of two that brings numbers of up to `most` into [2^14, 2^15), or as near as a float can;
/// its inverse is one too.
__device__ inline float scale_for(float most) {
  const int exponent = static_cast<int>(__float_as_uint(most) >> 23);
  return __uint_as_float(static_cast<unsigned>(min(max(268 - exponent, 1), 253)) << 23);
}
__device__ inline float inverse(float power_of_two) {
  return __uint_as_float((254U << 23) - __float_as_uint(power_of_two));
}

/// One warp a row.
template <typename T, int kTerms>
__global__ void pack_rows(
    const T* from, int64_t rows, int64_t heads, int64_t width, Packed<Part<T>> to) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.x / kWarp;
  if (index >= rows * heads) return;
  from += index * width;
  const int64_t place = index % heads * rows + index / heads;
  float scale = 1;
  if constexpr (std::is_same_v<T, float>) {
    float most = 0;
    for (int64_t c = lane; c < width; c += kWarp) most = max(most, fabsf(from[c]));
    for (int step = kWarp / 2; step > 0; step /= 2)
      most = max(most, __shfl_xor_sync(0xffffffffU, most, step));
    scale = scale_for(most);
  }
  for (int64_t c = lane; c < to.line; c += kWarp) {
    const float value = c < width ? static_cast<float>(from[c]) * scale : 0.0F;
    const auto high = Part<T>(value);
    Part<T>* const line = to.data + place * kTerms * to.line + c;
    line[0] = high;
    if constexpr (kTerms == 2) line[to.line] = Part<T>(value - static_cast<float>(high));
  }
  if (lane == 0) to.unit[place] = inverse(scale);
}

template <typename T>
T* take(const Scratch& scratch, int64_t count) {
  return static_cast<T*>(scratch(static_cast<std::size_t>(count) * sizeof(T)));
}

/// `from` [rows,heads,width] packed, in memory of `scratch`.
template <int kTerms, typename T>
Packed<Part<T>> packed(const T* from,
                       int64_t rows,
                       int64_t heads,
                       int64_t width,
                       const Scratch& scratch,
                       cudaStream_t stream) {
  const int64_t line = packed_line(width);
  const Packed<Part<T>> to{take<Part<T>>(scratch, rows * heads * kTerms * line),
                           take<float>(scratch, rows * heads),
                           line};
  if (rows * heads > 0) {
    pack_rows<T, kTerms><<<warps_grid(rows * heads), kWarp * kRowsPerBlock, 0, stream>>>(
        from, rows, heads, width, to);
    check_launch("attention: packing");
  }
  return to;
}

template <typename T>
__global__ void transpose_bias(const T* from, int64_t rows, int64_t heads, float* to) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index < rows * heads)
    to[index % heads * rows + index / heads] = static_cast<float>(from[index]);
}

/// `bias` [rows,heads] as floats [heads,rows], null if it is.
template <typename T>
const float* bias_of_heads(
    const T* bias, int64_t rows, int64_t heads, const Scratch& scratch, cudaStream_t stream) {
  if (bias == nullptr || rows * heads == 0) return nullptr;
  float* const to = take<float>(scratch, rows * heads);
  constexpr int kThreadsOfBias = 256;
  const dim3 grid = sum_grid((rows * heads + kThreadsOfBias - 1) / kThreadsOfBias, 1, 1, 1);
  transpose_bias<T><<<grid, kThreadsOfBias, 0, stream>>>(bias, rows, heads, to);
  check_launch("attention: bias");
  return to;
}

}  // namespace pointattn::cuda::tensor
