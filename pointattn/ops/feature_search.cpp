// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/feature_search.h"

#include "pointattn/ops/attention_layout.h"
#include "pointattn/ops/feature_scan.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace pointattn::ops {
namespace {

/// What the product and the norms may be wrong by, as a share of |a|² + |b|²: each sum of D products
/// rounds at most D times, and a little more for what is done with it.
template <typename T>
T error_share(int64_t dims) {
  return static_cast<T>(4 * dims + 64) * std::numeric_limits<T>::epsilon();
}

/// Points and queries, cloud by cloud moved to the middle of the points, where the norms are small
/// beside the distances.
template <typename T>
struct Moved {
  at::Tensor query, points;
  at::Tensor query_norm, point_norm;  ///< squared
  at::Tensor base;                    ///< the least that the error leaves of point_norm

  Moved(const SearchInputs& inputs, T share)
      : query(inputs.query.xyz.clone()), points(inputs.points.xyz.clone()) {
    for (size_t b = 0; b + 1 < inputs.points.offsets.size(); ++b) {
      const auto rows = [b](const at::Tensor& all, const std::vector<int64_t>& offsets) {
        return all.narrow(0, offsets[b], offsets[b + 1] - offsets[b]);
      };
      at::Tensor cloud = rows(points, inputs.points.offsets);
      if (cloud.size(0) == 0) continue;
      const at::Tensor middle = cloud.mean(0);
      cloud.sub_(middle);
      rows(query, inputs.query.offsets).sub_(middle);
    }
    query_norm = query.square().sum(1);
    point_norm = points.square().sum(1);
    base = point_norm * (1 - share);
  }
};

/// What may be among the k nearest of one query. Distances are relative to (1 − share) |query|², so
/// that base − 2 product is the least that a point's can be.
template <typename T>
class Candidates {
 public:
  T limit() const { return limit_; }

  void add(const T* product, const T* base, int64_t first, const int32_t* taken, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const int32_t j = taken[i];
      least_.push_back(base[j] - 2 * product[j]);
      rows_.push_back(static_cast<int32_t>(first) + j);
    }
  }

  bool full() const { return static_cast<int64_t>(rows_.size()) >= room_; }

  /// Keeps the points that may still be among the k nearest: `most` is the most that the k-th
  /// distance can be.
  void thin(int64_t k, T share, T query_norm, const T* point_norm) {
    if (static_cast<int64_t>(rows_.size()) > k) {
      std::vector<T> most(rows_.size());
      for (size_t i = 0; i < rows_.size(); ++i)
        most[i] = least_[i] + 2 * share * (query_norm + point_norm[rows_[i]]);
      std::nth_element(most.begin(), most.begin() + k - 1, most.end());
      limit_ = std::min(limit_, most[static_cast<size_t>(k - 1)]);
      size_t kept = 0;
      for (size_t i = 0; i < rows_.size(); ++i) {
        if (least_[i] > limit_) continue;
        least_[kept] = least_[i];
        rows_[kept++] = rows_[i];
      }
      least_.resize(kept);
      rows_.resize(kept);
    }
    room_ = std::max<int64_t>({room_, 4 * k, 2 * static_cast<int64_t>(rows_.size())});
  }

  const std::vector<int32_t>& rows() const { return rows_; }

 private:
  T limit_ = std::numeric_limits<T>::infinity();
  int64_t room_ = 128;
  std::vector<T> least_;
  std::vector<int32_t> rows_;
};

/// Ranks candidates, rows of `points`, by their exact distances.
template <typename T>
void write_nearest(const T* query,
                   const T* points,
                   int64_t dims,
                   const std::vector<int32_t>& rows,
                   int64_t k,
                   int64_t first_row,
                   int64_t* index,
                   T* sq_dist) {
  std::vector<T> exact(rows.size());
  exact_sq_dist(query, points, dims, rows.data(), static_cast<int64_t>(rows.size()), exact.data());
  std::vector<std::pair<T, int32_t>> ranked(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) ranked[i] = {exact[i], rows[i]};
  std::partial_sort(ranked.begin(), ranked.begin() + k, ranked.end());
  for (int64_t j = 0; j < k; ++j) {
    sq_dist[j] = ranked[static_cast<size_t>(j)].first;
    index[j] = ranked[static_cast<size_t>(j)].second + first_row;
  }
}

template <typename T>
void search(const SearchInputs& inputs, int64_t k, const Neighbors& out) {
  const int64_t dims = inputs.points.xyz.size(1);
  const T share = error_share<T>(dims);
  const Moved<T> moved(inputs, share);
  const T* query_norm = moved.query_norm.template const_data_ptr<T>();
  const T* point_norm = moved.point_norm.template const_data_ptr<T>();
  const T* base = moved.base.template const_data_ptr<T>();
  const T* query = inputs.query.xyz.const_data_ptr<T>();
  const T* points = inputs.points.xyz.const_data_ptr<T>();
  int64_t* index = out.index.mutable_data_ptr<int64_t>();
  T* sq_dist = out.sq_dist.mutable_data_ptr<T>();

  const tile::Layout<T> queries(inputs.query.offsets);
  const tile::Layout<T> columns(inputs.points.offsets);
  const tile::PackedPoints<T> left = queries.groups({tile::by_head(moved.query)});
  const tile::PackedPoints<T> right = columns.panels({tile::by_head(moved.points)});
  tile::for_each_row_tile(queries, [&](const tile::Span& rows, tile::Scratch<T>& scratch) {
    const tile::Cloud& cloud = columns.clouds()[static_cast<size_t>(rows.cloud->index)];
    std::vector<Candidates<T>> candidates(static_cast<size_t>(rows.count));
    tile::for_each_column_tile(tile::all_of(cloud), [&](const tile::Span& some) {
      tile::multiply_points(queries.kernels(), left, rows, right, some, 0, T(0), scratch.scores);
      for (int64_t i = 0; i < rows.count; ++i) {
        Candidates<T>& mine = candidates[static_cast<size_t>(i)];
        const T* product = scratch.scores + i * tile::kTileCols;
        int32_t taken[tile::kTileCols];
        const int64_t count =
            columns_within(product, base + some.first(), some.count, mine.limit(), taken);
        mine.add(product, base + some.first(), some.begin, taken, count);
        if (mine.full())
          mine.thin(k, share, query_norm[rows.first() + i], point_norm + cloud.begin);
      }
    });
    for (int64_t i = 0; i < rows.count; ++i) {
      Candidates<T>& mine = candidates[static_cast<size_t>(i)];
      const int64_t q = rows.first() + i;
      mine.thin(k, share, query_norm[q], point_norm + cloud.begin);
      write_nearest(query + q * dims,
                    points + cloud.begin * dims,
                    dims,
                    mine.rows(),
                    k,
                    cloud.begin,
                    index + q * k,
                    sq_dist + q * k);
    }
  });
}

}  // namespace

Neighbors search_features(const SearchInputs& inputs, int64_t k) {
  const int64_t queries = inputs.query.xyz.size(0);
  const Neighbors out{at::empty({queries, k}, inputs.query.xyz.options().dtype(at::kLong)),
                      at::empty({queries, k}, inputs.query.xyz.options())};
  if (inputs.query.xyz.scalar_type() == at::kFloat) {
    search<float>(inputs, k, out);
  } else {
    search<double>(inputs, k, out);
  }
  return out;
}

}  // namespace pointattn::ops
