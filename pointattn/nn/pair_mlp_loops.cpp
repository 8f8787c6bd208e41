// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/pair_mlp_loops.h"

#include "pointattn/ops/cpu_dispatch.h"

namespace pointattn::nn::pair_loops {
namespace {

using ops::run_widest;

template <typename T>
struct Add {
  [[gnu::always_inline]] static inline void run(const Pairs<T>* pairs, T* sums) {
    const int64_t C = pairs->C;
    for (int64_t i = 0; i < pairs->count; ++i) {
      const int64_t m = pairs->first + i;
      const T* __restrict own = pairs->centre + m * C;
      for (int64_t k = 0; k < pairs->K; ++k) {
        const T* __restrict near = pairs->near + pairs->index[m * pairs->K + k] * C;
        T* __restrict to = sums + (i * pairs->K + k) * C;
        for (int64_t c = 0; c < C; ++c) to[c] = near[c] + own[c];
      }
    }
  }
};

template <typename T>
struct Activate {
  [[gnu::always_inline]] static inline void run(
      const T* rows, int64_t n, int64_t C, const Activated<T>* how, T* out) {
    const T* __restrict scale = how->scale;
    const T* __restrict shift = how->shift;
    const T slope = how->slope;
    for (int64_t r = 0; r < n; ++r) {
      const T* __restrict x = rows + r * C;
      T* __restrict to = out + r * C;
      for (int64_t c = 0; c < C; ++c) {
        const T y = scale[c] * x[c] + shift[c];
        const T low = slope * y;  // before the choice, so that both are computed as vectors
        to[c] = y < 0 ? low : y;  // NaN stays
      }
    }
  }
};

template <typename T>
struct MomentsOf {
  [[gnu::always_inline]] static inline void run(
      const T* rows, int64_t n, int64_t C, T* mean_of, T* squares_of) {
    T* __restrict mean = mean_of;
    T* __restrict squares = squares_of;
    for (int64_t c = 0; c < C; ++c) mean[c] = squares[c] = 0;
    for (int64_t r = 0; r < n; ++r)
      for (int64_t c = 0; c < C; ++c) mean[c] += rows[r * C + c];
    for (int64_t c = 0; c < C; ++c) mean[c] /= static_cast<T>(n);
    for (int64_t r = 0; r < n; ++r) {
      for (int64_t c = 0; c < C; ++c) {
        const T x = rows[r * C + c] - mean[c];
        squares[c] += x * x;
      }
    }
  }
};

template <typename T>
struct Extremes {
  [[gnu::always_inline]] static inline void run(const T* rows,
                                                int64_t count,
                                                int64_t K,
                                                int64_t C,
                                                const T* sign,
                                                T* best_of,
                                                int32_t* which_of) {
    for (int64_t i = 0; i < count; ++i) {
      T* __restrict best = best_of + i * C;
      int32_t* __restrict which = which_of + i * C;
      for (int64_t c = 0; c < C; ++c) {
        best[c] = rows[i * K * C + c];
        which[c] = 0;
      }
      for (int64_t k = 1; k < K; ++k) {
        const T* __restrict row = rows + (i * K + k) * C;
        for (int64_t c = 0; c < C; ++c) {
          const bool better = sign[c] < 0 ? row[c] < best[c] : row[c] > best[c];
          best[c] = better ? row[c] : best[c];
          which[c] = better ? static_cast<int32_t>(k) : which[c];
        }
      }
    }
  }
};

template <typename T>
struct SparseProducts {
  [[gnu::always_inline]] static inline void run(const T* value,
                                                const int32_t* which,
                                                const T* weight,
                                                const T* hidden,
                                                int64_t count,
                                                int64_t K,
                                                int64_t D,
                                                int64_t C,
                                                T* grad,
                                                T* weight_grad) {
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t d = 0; d < D; ++d) {
        const T v = value[i * D + d];
        if (v == 0) continue;  // most are, behind a ReLU
        const int64_t row = i * K + which[i * D + d];
        const T* __restrict w = weight + d * C;
        const T* __restrict h = hidden + row * C;
        T* __restrict g = grad + row * C;
        T* __restrict wg = weight_grad + d * C;
        for (int64_t c = 0; c < C; ++c) {
          g[c] += v * w[c];
          wg[c] += v * h[c];
        }
      }
    }
  }
};

template <typename T>
struct Gather {
  [[gnu::always_inline]] static inline void run(const Pairs<T>* pairs,
                                                const T* sums,
                                                const T* hidden,
                                                const T* grad,
                                                const NormBackward<T>* norm,
                                                T* spare,
                                                const Gathered<T>* to) {
    const int64_t C = pairs->C;
    const T slope = norm->slope;
    const T* __restrict mean = norm->mean;
    const T* __restrict rstd = norm->rstd;
    T* __restrict all_d = spare;
    T* __restrict all_dx = spare + C;
    T* __restrict all_h = spare + 2 * C;
    T* __restrict d = spare + 3 * C;  // of one pair
    T* __restrict x = spare + 4 * C;
    for (int64_t c = 0; c < C; ++c) all_d[c] = all_dx[c] = all_h[c] = 0;
    for (int64_t i = 0; i < pairs->count; ++i) {
      const int64_t m = pairs->first + i;
      T* __restrict own_d = to->d_of_centre + m * C;
      T* __restrict own_x = to->x_of_centre + m * C;
      for (int64_t c = 0; c < C; ++c) own_d[c] = own_x[c] = 0;
      for (int64_t k = 0; k < pairs->K; ++k) {
        const int64_t row = (i * pairs->K + k) * C;
        const int64_t near = (pairs->index[m * pairs->K + k] - to->lowest) * C;
        const T* __restrict p = sums + row;
        const T* __restrict h = hidden + row;
        const T* __restrict g = grad + row;
        T* __restrict near_d = to->d_of_near + near;
        T* __restrict near_x = to->x_of_near + near;
        // Few arrays a loop: compilers give up on vectors where there are many.
        for (int64_t c = 0; c < C; ++c) {
          const T factor = h[c] > 0 ? T(1) : slope;
          d[c] = g[c] * factor;
          x[c] = (p[c] - mean[c]) * rstd[c];
          all_h[c] += h[c];
        }
        for (int64_t c = 0; c < C; ++c) {
          own_d[c] += d[c];
          near_d[c] += d[c];
          all_d[c] += d[c];
        }
        for (int64_t c = 0; c < C; ++c) {
          own_x[c] += x[c];
          near_x[c] += x[c];
          all_dx[c] += d[c] * x[c];
        }
      }
    }
    for (int64_t c = 0; c < C; ++c) {
      to->d[c] += static_cast<double>(all_d[c]);
      to->dx[c] += static_cast<double>(all_dx[c]);
      to->hidden[c] += static_cast<double>(all_h[c]);
    }
  }
};

}  // namespace

template <typename T>
void add(const Pairs<T>& pairs, T* sums) {
  run_widest<Add<T>>(&pairs, sums);
}

template <typename T>
void activate(const T* rows, int64_t n, int64_t C, const Activated<T>& how, T* out) {
  run_widest<Activate<T>>(rows, n, C, &how, out);
}

template <typename T>
void moments(const T* rows, int64_t n, int64_t C, T* mean, T* squares) {
  run_widest<MomentsOf<T>>(rows, n, C, mean, squares);
}

template <typename T>
void extremes(
    const T* rows, int64_t count, int64_t K, int64_t C, const T* sign, T* best, int32_t* which) {
  run_widest<Extremes<T>>(rows, count, K, C, sign, best, which);
}

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
                     T* weight_grad) {
  run_widest<SparseProducts<T>>(value, which, weight, hidden, count, K, D, C, grad, weight_grad);
}

template <typename T>
void gather(const Pairs<T>& pairs,
            const T* sums,
            const T* hidden,
            const T* grad,
            const NormBackward<T>& norm,
            T* spare,
            const Gathered<T>& to) {
  run_widest<Gather<T>>(&pairs, sums, hidden, grad, &norm, spare, &to);
}

#define POINTATTN_PAIR_LOOPS(T)                                                                  \
  template void add(const Pairs<T>&, T*);                                                        \
  template void activate(const T*, int64_t, int64_t, const Activated<T>&, T*);                   \
  template void moments(const T*, int64_t, int64_t, T*, T*);                                     \
  template void extremes(const T*, int64_t, int64_t, int64_t, const T*, T*, int32_t*);           \
  template void sparse_products(                                                                 \
      const T*, const int32_t*, const T*, const T*, int64_t, int64_t, int64_t, int64_t, T*, T*); \
  template void gather(const Pairs<T>&,                                                          \
                       const T*,                                                                 \
                       const T*,                                                                 \
                       const T*,                                                                 \
                       const NormBackward<T>&,                                                   \
                       T*,                                                                       \
                       const Gathered<T>&)
POINTATTN_PAIR_LOOPS(float);
POINTATTN_PAIR_LOOPS(double);

}  // namespace pointattn::nn::pair_loops
