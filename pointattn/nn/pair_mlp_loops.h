// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The loops of pair_mlp.cpp and pair_mlp_step.cpp over the pairs of a few centres, compiled for several instruction
/// sets. Rows are [pairs,C], the K pairs of a centre one after the other. Knows nothing of LibTorch.
namespace pointattn::nn::pair_loops {

/// Centres `first` … `first + count − 1` and their neighbours.
template <typename T>
struct Pairs {
  const T* near;         ///< [N,C]
  const T* centre;       ///< [M,C]
  const int64_t* index;  ///< [M,K] rows of near
  int64_t first, count, K, C;

  int64_t rows() const { return count * K; }
};

/// sums[i,k] = near[index[i,k]] + centre[i].
template <typename T>
void add(const Pairs<T>& pairs, T* sums);

/// y ↦ scale y + shift, then `slope` y where that is negative; [C] each.
template <typename T>
struct Activated {
  const T* scale;
  const T* shift;
  T slope;
};

template <typename T>
void activate(const T* rows, int64_t n, int64_t C, const Activated<T>& how, T* out);

/// Mean and sum of squared differences from it, of each of C channels over n ≥ 1 rows.
template <typename T>
void moments(const T* rows, int64_t n, int64_t C, T* mean, T* squares);

/// best[i] = the largest over k of rows[i,k], or the smallest in channels with sign < 0, and which k
/// that was, the first of equals.
template <typename T>
void extremes(
    const T* rows, int64_t count, int64_t K, int64_t C, const T* sign, T* best, int32_t* which);

/// grad[i, which[i,c]] += value[i,c] weight[c], and weight_grad[c] += value[i,c] hidden[i, which[i,c]]:
/// the products of a gradient that has one entry in K. value, which [count,D]; weight, weight_grad
/// [D,C]; hidden, grad [count K,C].
template <typename T>
void sparse_products(const T* value,
                     const int32_t* which,
                     const T* weight,
                     const T* hidden,
                     int64_t count,
                     int64_t K,
                     int64_t D,
                     int64_t C,
                     T* grad,
                     T* weight_grad);

/// Where the gradient of the first norm is gathered: d, that of its result before the activation,
/// and x, its normalised input.
template <typename T>
struct Gathered {
  T* d_of_centre;  ///< [M,C] sums over k
  T* x_of_centre;
  T* d_of_near;  ///< rows of near from `lowest` on: sums over the pairs of each, added to
  T* x_of_near;
  int64_t lowest;
  double* d;  ///< [C] sums over all pairs, added to
  double* dx;
  double* hidden;  ///< [C] sums of the hidden rows, added to
};

template <typename T>
struct NormBackward {
  const T* mean;
  const T* rstd;
  T slope;
};

/// d = grad, times the slope where hidden is not positive; x = (sums − mean) rstd. `spare` [5,C].
template <typename T>
void gather(const Pairs<T>& pairs,
            const T* sums,
            const T* hidden,
            const T* grad,
            const NormBackward<T>& norm,
            T* spare,
            const Gathered<T>& to);

}  // namespace pointattn::nn::pair_loops
