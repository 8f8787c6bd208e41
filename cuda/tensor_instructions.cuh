// SPDX-License-Identifier: Apache-2.0
// Instructions of compute capability 8.0 and later that the language has no names for.
// tests/cuda/emulation has a file of this name that does the same without a GPU.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <type_traits>

namespace pointattn::cuda::tensor {

/// Four 8 x 8 matrices of 16-bit numbers from shared memory. Lane l names row l % 8 of matrix l / 8
/// (16 bytes, aligned) and gets, of each matrix or of its transpose, row l / 4 and of that columns
/// 2 (l % 4) and the next. All lanes must call it.
template <bool kTransposed>
__device__ __forceinline__ void load_matrices(const void* row, unsigned (&to)[4]) {
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  if constexpr (kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
  }
}

/// sum += a b for a of 16 x 16 and b of 16 x 8 numbers. With g = lane / 4 and t = 2 (lane % 4) a lane
/// holds, of a, columns t and t + 1 of rows g and g + 8, then columns t + 8 and t + 9 of both; of b,
/// rows t, t + 1 and t + 8, t + 9 of column g; of the sum, columns t, t + 1 of rows g and g + 8.
template <typename T>
__device__ __forceinline__ void multiply(float (&sum)[4],
                                         const unsigned (&a)[4],
                                         unsigned b0,
                                         unsigned b1) {
  if constexpr (std::is_same_v<T, __half>) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}

/// Begins to copy kBytes (4 or 16, aligned) from global to shared memory, or zeros if not `there`.
template <int kBytes>
__device__ __forceinline__ void copy_async(void* to, const void* from, bool there) {
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(address),
               "l"(__cvta_generic_to_global(from)),
               "n"(kBytes),
               "r"(there ? kBytes : 0)
               : "memory");
}

/// Returns when all that this thread began to copy has come; other threads see it after a barrier.
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_all;" ::: "memory");
}

/// Two numbers rounded to T, the first in the low half, and back.
template <typename T>
__device__ __forceinline__ unsigned pack(float first, float second) {
  if constexpr (std::is_same_v<T, __half>) {
    const __half2 pair = __floats2half2_rn(first, second);
    return reinterpret_cast<const unsigned&>(pair);
  } else {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
    return reinterpret_cast<const unsigned&>(pair);
  }
}
template <typename T>
__device__ __forceinline__ float2 unpack(unsigned pair) {
  if constexpr (std::is_same_v<T, __half>) {
    return __half22float2(reinterpret_cast<const __half2&>(pair));
  } else {
    return __bfloat1622float2(reinterpret_cast<const __nv_bfloat162&>(pair));
  }
}

}  // namespace pointattn::cuda::tensor
