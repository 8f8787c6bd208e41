// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

/// Operators on ragged batches with a few columns or a small matrix for each cloud. Pointers are on
/// the device, T is float or double; the launchers throw std::runtime_error when a launch fails.
namespace pointattn::cuda {

/// out[n,r] = exp(logits[n,r]) / Σ over the rows starts[b] … starts[b+1]-1 of the cloud.
template <typename T>
struct RaggedSoftmaxParams {
  const T* logits;        ///< [N,columns]
  const int64_t* starts;  ///< [clouds+1]
  T* out;                 ///< [N,columns]
  int64_t clouds, columns;
};

/// A long cloud goes in stretches, rows begin … end-1 of cloud `cloud`: int64 triples.
template <typename T>
struct RaggedPoolParams {
  const T* weight;           ///< [N,r]
  const T* values;           ///< [N,c]
  const int64_t* stretches;  ///< [count,3] cloud, begin, end; those of a cloud behind one another
  const int64_t* first;      ///< [clouds+1] where each cloud's stretches begin
  T* sums;                   ///< [count,r,c] scratch
  T* out;                    ///< [clouds,r,c]
  int64_t count, clouds, r, c;
};

template <typename T>
struct RaggedExpandParams {
  const T* rows;             ///< [N,k]
  const T* matrices;         ///< [clouds,k,d]
  const int64_t* stretches;  ///< [count,3]
  T* out;                    ///< [N,d]
  int64_t count, k, d;
};

template <typename T>
void launch_ragged_softmax(const RaggedSoftmaxParams<T>& params, cudaStream_t stream);
template <typename T>
void launch_ragged_pool(const RaggedPoolParams<T>& params, cudaStream_t stream);
template <typename T>
void launch_ragged_expand(const RaggedExpandParams<T>& params, cudaStream_t stream);

}  // namespace pointattn::cuda
