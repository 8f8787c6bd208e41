// SPDX-License-Identifier: Apache-2.0
// One block a point. What a pair needs of its C channels stays in shared memory: the input of γ of one
// neighbour at a time, then the G logits of all K. A warp makes each sum over channels, in a tree of
// fixed shape: no atomics, the same bits in every run. Global memory is read once a pair, neighbouring
// threads on neighbouring channels; the weights come from the cache.
#include "cuda/launch.h"
#include "cuda/vector_attention.h"

namespace pointattn::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarp = 32;
constexpr int64_t kSharedBytes = 48 << 10;

/// Where a block keeps its point.
template <typename T>
struct Shared {
  int64_t* neighbor;  ///< [K]
  T* position;        ///< [K,3] ReLU(W_p (x_j − x_i) + b_p)
  T* logits;          ///< [K,G], then the attention
  T* relation;        ///< [C]
  T* hidden;          ///< [G]

  static int64_t bytes(const VectorAttentionParams<T>& p) {
    return p.neighbors * static_cast<int64_t>(sizeof(int64_t)) +
           (p.neighbors * (3 + p.groups) + p.channels + p.groups) * static_cast<int64_t>(sizeof(T));
  }
  __device__ Shared(unsigned char* from, const VectorAttentionParams<T>& p) {
    neighbor = reinterpret_cast<int64_t*>(from);
    position = reinterpret_cast<T*>(neighbor + p.neighbors);
    logits = position + 3 * p.neighbors;
    relation = logits + p.groups * p.neighbors;
    hidden = relation + p.channels;
  }
};

/// NaN stays NaN.
template <typename T>
__device__ T relu(T x) {
  return x < 0 ? T(0) : x;
}

/// out[r] = W_r · x + b_r for all rows, a warp a row.
template <bool kRelu, typename T>
__device__ void multiply(
    const T* weight, const T* bias, int64_t rows, const T* x, int64_t depth, T* out) {
  const int lane = threadIdx.x % kWarp;
  for (int64_t r = threadIdx.x / kWarp; r < rows; r += kThreads / kWarp) {
    T sum = 0;
    for (int64_t c = lane; c < depth; c += kWarp) sum += weight[r * depth + c] * x[c];
    for (int half = kWarp / 2; half > 0; half /= 2) sum += __shfl_down_sync(~0U, sum, half);
    if (lane == 0) out[r] = kRelu ? relu(sum + bias[r]) : sum + bias[r];
  }
}

/// δ_ij of channel c.
template <typename T>
__device__ T offset_of(const VectorAttentionParams<T>& p, const T* position, int64_t c) {
  const T* w = p.offset_weight + 3 * c;
  return w[0] * position[0] + w[1] * position[1] + w[2] * position[2] + p.offset_bias[c];
}

/// The first layer of δ, a thread a neighbour.
template <typename T>
__device__ void place(const VectorAttentionParams<T>& p, int64_t i, const Shared<T>& shared) {
  for (int64_t k = threadIdx.x; k < p.neighbors; k += kThreads) {
    const int64_t j = p.index[i * p.neighbors + k];
    shared.neighbor[k] = j;
    if (j < 0) continue;
    for (int d = 0; d < 3; ++d) {
      T sum = p.position_bias[d];
      for (int c = 0; c < 3; ++c) {
        sum += p.position_weight[3 * d + c] * (p.xyz[3 * j + c] - p.xyz[3 * i + c]);
      }
      shared.position[3 * k + d] = relu(sum);
    }
  }
}

/// The logits of neighbour k, by all threads.
template <typename T>
__device__ void score(const VectorAttentionParams<T>& p,
                      int64_t i,
                      int64_t k,
                      const Shared<T>& shared) {
  const T* key = p.key + shared.neighbor[k] * p.key_stride;
  const T* query = p.query + i * p.query_stride;
  for (int64_t c = threadIdx.x; c < p.channels; c += kThreads) {
    const T relation = key[c] - query[c] + offset_of(p, shared.position + 3 * k, c);
    shared.relation[c] = relu(p.scale[c] * relation + p.shift[c]);
  }
  __syncthreads();
  multiply<true>(
      p.hidden_weight, p.hidden_bias, p.groups, shared.relation, p.channels, shared.hidden);
  __syncthreads();
  multiply<false>(p.logit_weight,
                  p.logit_bias,
                  p.groups,
                  shared.hidden,
                  p.groups,
                  shared.logits + k * p.groups);
  __syncthreads();
}

/// Softmax over the neighbours, a thread a group.
template <typename T>
__device__ void weigh(const VectorAttentionParams<T>& p, const Shared<T>& shared) {
  for (int64_t g = threadIdx.x; g < p.groups; g += kThreads) {
    T most = -INFINITY;
    for (int64_t k = 0; k < p.neighbors; ++k) {
      if (shared.neighbor[k] >= 0) most = max(most, shared.logits[k * p.groups + g]);
    }
    T sum = 0;
    for (int64_t k = 0; k < p.neighbors; ++k) {
      if (shared.neighbor[k] < 0) continue;
      T& weight = shared.logits[k * p.groups + g];
      weight = exp(weight - most);
      sum += weight;
    }
    for (int64_t k = 0; k < p.neighbors; ++k) shared.logits[k * p.groups + g] /= sum;
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    vector_attention_kernel(const VectorAttentionParams<T> p) {
  extern __shared__ __align__(16) unsigned char memory[];
  const Shared<T> shared(memory, p);
  for (int64_t i = blockIdx.x; i < p.points; i += gridDim.x) {
    place(p, i, shared);
    __syncthreads();
    for (int64_t k = 0; k < p.neighbors; ++k) {
      if (shared.neighbor[k] >= 0) score(p, i, k, shared);  // the same for all threads
    }
    weigh(p, shared);
    __syncthreads();
    for (int64_t c = threadIdx.x; c < p.channels; c += kThreads) {
      T sum = 0;
      for (int64_t k = 0; k < p.neighbors; ++k) {
        if (shared.neighbor[k] < 0) continue;
        const T value = p.value[shared.neighbor[k] * p.value_stride + c] +
                        offset_of(p, shared.position + 3 * k, c);
        sum += shared.logits[k * p.groups + c % p.groups] * value;
      }
      p.out[i * p.channels + c] = sum;
    }
    __syncthreads();
  }
}

}  // namespace

template <typename T>
void launch_vector_attention(const VectorAttentionParams<T>& params, cudaStream_t stream) {
  if (params.points * params.channels == 0) return;
  const int64_t bytes = Shared<T>::bytes(params);
  if (bytes > kSharedBytes) {
    throw std::runtime_error("vector_attention: expected the pairs of a point in " +
                             std::to_string(kSharedBytes) + " bytes of shared memory, got " +
                             std::to_string(bytes));
  }
  vector_attention_kernel<T>
      <<<grid_for(params.points, 1), kThreads, static_cast<size_t>(bytes), stream>>>(params);
  check_launch("vector_attention");
}

template void launch_vector_attention(const VectorAttentionParams<float>&, cudaStream_t);
template void launch_vector_attention(const VectorAttentionParams<double>&, cudaStream_t);

}  // namespace pointattn::cuda
