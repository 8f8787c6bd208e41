// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/neighbors.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

namespace pointattn::reference {
namespace {

template <typename T>
T squared_distance(const T* a, const T* b) {
  T sum = 0;
  for (int axis = 0; axis < 3; ++axis) sum += (a[axis] - b[axis]) * (a[axis] - b[axis]);
  return sum;
}

template <typename T>
void search(const at::Tensor& query,
            const at::Tensor& points,
            const std::vector<int64_t>& query_offsets,
            const std::vector<int64_t>& point_offsets,
            double radius,
            const ops::Neighbors& out) {
  const int64_t k = out.index.size(1);
  for (size_t b = 0; b + 1 < query_offsets.size(); ++b) {
    for (int64_t m = query_offsets[b]; m < query_offsets[b + 1]; ++m) {
      std::vector<std::pair<T, int64_t>> all;
      for (int64_t n = point_offsets[b]; n < point_offsets[b + 1]; ++n) {
        const T d =
            squared_distance(query.const_data_ptr<T>() + 3 * m, points.const_data_ptr<T>() + 3 * n);
        if (static_cast<double>(d) <= radius * radius) all.emplace_back(d, n);
      }
      std::sort(all.begin(), all.end());
      for (int64_t j = 0; j < std::min<int64_t>(k, static_cast<int64_t>(all.size())); ++j) {
        out.sq_dist.mutable_data_ptr<T>()[m * k + j] = all[static_cast<size_t>(j)].first;
        out.index.mutable_data_ptr<int64_t>()[m * k + j] = all[static_cast<size_t>(j)].second;
      }
    }
  }
}

template <typename T>
std::vector<int64_t> sample(const T* points, int64_t n, int64_t count) {
  std::vector<int64_t> taken;
  while (static_cast<int64_t>(taken.size()) < count) {
    int64_t best = -1;
    T farthest = -1;
    for (int64_t i = 0; i < n; ++i) {
      if (std::find(taken.begin(), taken.end(), i) != taken.end()) continue;
      T nearest = std::numeric_limits<T>::infinity();
      for (int64_t row : taken)
        nearest = std::min(nearest, squared_distance(points + 3 * i, points + 3 * row));
      if (nearest > farthest) {
        farthest = nearest;
        best = i;
      }
    }
    taken.push_back(best);
  }
  return taken;
}

}  // namespace

ops::Neighbors neighbors(const at::Tensor& query,
                         const at::Tensor& points,
                         const std::vector<int64_t>& query_offsets,
                         const std::vector<int64_t>& point_offsets,
                         double radius,
                         int64_t k) {
  const at::Tensor q = query.contiguous();
  const at::Tensor p = points.contiguous();
  ops::Neighbors out{
      at::full({q.size(0), k}, -1, at::kLong),
      at::full({q.size(0), k}, std::numeric_limits<double>::infinity(), q.options())};
  if (q.scalar_type() == at::kFloat) {
    search<float>(q, p, query_offsets, point_offsets, radius, out);
  } else {
    search<double>(q, p, query_offsets, point_offsets, radius, out);
  }
  return out;
}

std::vector<int64_t> farthest_points(const at::Tensor& points, int64_t count) {
  const at::Tensor p = points.contiguous();
  return p.scalar_type() == at::kFloat ? sample(p.const_data_ptr<float>(), p.size(0), count)
                                       : sample(p.const_data_ptr<double>(), p.size(0), count);
}

at::Tensor interpolate(const at::Tensor& query,
                       const at::Tensor& points,
                       const at::Tensor& feat,
                       int64_t k) {
  const std::vector<int64_t> queries{0, query.size(0)};
  const std::vector<int64_t> rows{0, points.size(0)};
  const ops::Neighbors near = neighbors(query,
                                        points,
                                        queries,
                                        rows,
                                        std::numeric_limits<double>::infinity(),
                                        std::min(k, points.size(0)));
  at::Tensor out = at::zeros({query.size(0), feat.size(1)}, feat.options());
  for (int64_t m = 0; m < query.size(0); ++m) {
    double total = 0;
    for (int64_t j = 0; j < near.index.size(1); ++j) {
      const double weight = 1.0 / (near.sq_dist[m][j].item<double>() + 1e-8);
      out[m] += weight * feat[near.index[m][j].item<int64_t>()];
      total += weight;
    }
    out[m] /= total;
  }
  return out;
}

}  // namespace pointattn::reference
