// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/tensor_instructions.cuh for the emulated GPU, by the layouts of the instruction set's manual:
// whole matrices are put together from all lanes, so that a number in a wrong place shows. Products
// are exact, and a sum is cut off to float after sixteen of them: real ones keep a few bits more. A
// copy happens when its thread waits for it, as late as on a GPU.

#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "cuda_runtime_api.h"
#include <bit>
#include <cstdint>
#include <cstring>

namespace pointattn::cuda::tensor {

template <bool kTransposed>
void load_matrices(const void* row, unsigned (&to)[4]) {
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) emulated::give_up("a row that is not aligned");
  const int lane = emulated::lane();
  const emulated::Lanes lanes = emulated::leave_for_lanes(&row, sizeof(row));
  for (int matrix = 0; matrix < 4; ++matrix) {
    std::uint16_t pair[2];
    for (int i = 0; i < 2; ++i) {
      int from = lane / 4;
      int column = 2 * (lane % 4) + i;
      if (kTransposed) std::swap(from, column);
      const void* source;
      std::memcpy(&source, lanes.of(8 * matrix + from), sizeof(source));
      std::memcpy(&pair[i], static_cast<const std::uint16_t*>(source) + column, sizeof(pair[i]));
    }
    std::memcpy(&to[matrix], pair, sizeof(pair));
  }
}

inline float cut_off(double value) {
  const auto nearest = static_cast<float>(value);
  if (std::abs(static_cast<double>(nearest)) <= std::abs(value) || value != value) return nearest;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(nearest) - 1);
}

template <typename T>
void multiply(float (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  const unsigned own[6] = {a[0], a[1], a[2], a[3], b0, b1};
  const emulated::Lanes lanes = emulated::leave_for_lanes(own, sizeof(own));
  const auto number = [&](int lane, int index) {
    T value;
    std::memcpy(&value, lanes.of(lane) + index * sizeof(T), sizeof(T));
    return static_cast<double>(static_cast<float>(value));
  };
  const int lane = emulated::lane();
  for (int j = 0; j < 4; ++j) {
    const int row = lane / 4 + 8 * (j / 2);
    const int column = 2 * (lane % 4) + j % 2;
    double total = sum[j];
    for (int d = 0; d < 16; ++d) {
      const int holder = d % 8 / 2;
      total += number(row % 8 * 4 + holder, 2 * (row / 8 + 2 * (d / 8)) + d % 2) *
               number(column * 4 + holder, 2 * (4 + d / 8) + d % 2);
    }
    sum[j] = cut_off(total);
  }
}

template <int kBytes>
void copy_async(void* to, const void* from, bool there) {
  if (reinterpret_cast<std::uintptr_t>(to) % kBytes != 0 ||
      reinterpret_cast<std::uintptr_t>(from) % kBytes != 0)
    emulated::give_up("a copy that is not aligned");
  emulated::copy_later(to, there ? from : nullptr, kBytes);
}
inline void wait_for_copies() { emulated::copy_now(); }

template <typename T>
unsigned pack(float first, float second) {
  const T pair[2] = {T(first), T(second)};
  unsigned bits;
  std::memcpy(&bits, pair, sizeof(bits));
  return bits;
}
template <typename T>
float2 unpack(unsigned pair) {
  T numbers[2];
  std::memcpy(numbers, &pair, sizeof(pair));
  return {static_cast<float>(numbers[0]), static_cast<float>(numbers[1])};
}

}  // namespace pointattn::cuda::tensor
