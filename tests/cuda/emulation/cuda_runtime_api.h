// SPDX-License-Identifier: Apache-2.0
#pragma once

// A GPU for tests on machines without one: what the kernels under cuda/ use of the CUDA language,
// for an ordinary C++ compiler. Every thread of a block is a fiber; a barrier or a shuffle hands over
// to the next. So the kernels' own code runs, index by index; what only a GPU can show (memory
// order, registers, speed) stays unseen. A barrier that not all threads reach, or a shuffle that
// not all lanes take part in, ends the process with a message.

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <type_traits>

using cudaStream_t = void*;
enum cudaError_t { cudaSuccess = 0 };
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline const char* cudaGetErrorString(cudaError_t /*error*/) { return "no error"; }

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned width, unsigned height = 1, unsigned depth = 1)  // NOLINT: as CUDA's
      : x(width), y(height), z(depth) {}
};

struct alignas(8) float2 {
  float x, y;
};
/// What a build for the architectures of the project holds.
#define __CUDA_ARCH_LIST__ 750, 800, 900

namespace emulated {

struct Place {
  unsigned x = 0, y = 0, z = 0;
};
extern thread_local Place thread, block;
extern thread_local dim3 blocks, threads;

/// Runs body() for every thread of every block; all blocks at once, each in a system thread, when
/// `together`.
void run(dim3 grid, dim3 block_size, bool together, const std::function<void()>& body);

void wait_for_block();
void wait_for_warp();
/// What the lanes of a warp leave for each other, until the call after the next.
struct Lanes {
  const void* first;
  int slot;
  const char* of(int lane) const;
};
Lanes leave_for_lanes(const void* own, std::size_t bytes);
unsigned ballot(bool own);
/// Copies of this thread that happen when it waits for them; zeros where `from` is null.
void copy_later(void* to, const void* from, std::size_t bytes);
void copy_now();
[[noreturn]] void give_up(const char* message);
/// What a kernel asks for at its launch: up to 99 KiB a block, the least that devices with tensor cores
/// for these kernels have.
inline constexpr std::size_t kSharedMemory = 99 << 10;
unsigned char* shared_memory();
int lane();

template <typename... P>
struct Launch {
  void (*kernel)(P...);
  dim3 grid, block_size;
  void operator()(std::type_identity_t<P>... arguments) const {
    run(grid, block_size, false, [&] { kernel(arguments...); });
  }
};
template <typename... P>
Launch<P...> launch(void (*kernel)(P...),
                    dim3 grid,
                    dim3 block_size,
                    std::size_t /*shared*/ = 0,
                    cudaStream_t /*stream*/ = nullptr) {
  return {kernel, grid, block_size};
}

template <typename T>
T from_lane(T own, int from) {
  T result;
  std::memcpy(&result, leave_for_lanes(&own, sizeof(T)).of(from), sizeof(T));
  return result;
}

}  // namespace emulated

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static thread_local
#define __launch_bounds__(...)
#define threadIdx emulated::thread
#define blockIdx emulated::block
#define blockDim emulated::threads
#define gridDim emulated::blocks

using std::exp;
using std::log;
using std::max;
using std::min;

inline void __syncthreads() { emulated::wait_for_block(); }
inline void __syncwarp() { emulated::wait_for_warp(); }
inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
void __nanosleep(unsigned nanoseconds);

template <typename T>
T __shfl_sync(unsigned /*mask*/, T own, int from) {
  return emulated::from_lane(own, from);
}
template <typename T>
T __shfl_xor_sync(unsigned /*mask*/, T own, int step) {
  return emulated::from_lane(own, emulated::lane() ^ step);
}
template <typename T>
T __shfl_down_sync(unsigned /*mask*/, T own, int step) {
  const int from = emulated::lane() + step;
  return emulated::from_lane(own, from < 32 ? from : emulated::lane());
}
inline unsigned __ballot_sync(unsigned /*mask*/, bool own) { return emulated::ballot(own); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline unsigned atomicAdd(unsigned* at, unsigned value) {
  return __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST);
}

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
template <typename Kernel>
cudaError_t cudaFuncSetAttribute(Kernel /*kernel*/, cudaFuncAttribute /*which*/, int bytes) {
  if (static_cast<std::size_t>(bytes) > emulated::kSharedMemory)
    emulated::give_up("more shared memory than a block can have");
  return cudaSuccess;
}

enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount,
  cudaDevAttrComputeCapabilityMajor,
  cudaDevAttrComputeCapabilityMinor
};
inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
namespace emulated {
/// Blocks that run at once, for tests of cooperative launches.
inline int processors = 8;
/// The compute capability, 10 major + minor, from EMULATED_COMPUTE_CAPABILITY: 7.5 has no tensor
/// cores for TF32, 8.0 has.
inline int capability = [] {
  const char* text = std::getenv("EMULATED_COMPUTE_CAPABILITY");
  return text != nullptr ? std::atoi(text) : 80;
}();
}  // namespace emulated
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int /*device*/) {
  *value = which == cudaDevAttrMultiProcessorCount      ? emulated::processors
           : which == cudaDevAttrComputeCapabilityMajor ? emulated::capability / 10
                                                        : emulated::capability % 10;
  return cudaSuccess;
}
template <typename Kernel>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks,
                                                          Kernel /*kernel*/,
                                                          int /*threads*/,
                                                          std::size_t /*shared*/) {
  *blocks = 1;
  return cudaSuccess;
}
template <typename P>
cudaError_t cudaLaunchCooperativeKernel(void (*kernel)(P),
                                        dim3 grid,
                                        dim3 block_size,
                                        void** arguments,
                                        std::size_t /*shared*/,
                                        cudaStream_t /*stream*/) {
  using Value = std::remove_const_t<P>;
  emulated::run(grid, block_size, true, [&] { kernel(*static_cast<Value*>(arguments[0])); });
  return cudaSuccess;
}
