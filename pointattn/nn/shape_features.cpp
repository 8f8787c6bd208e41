// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/shape_features.h"

#include "pointattn/ops/cpu_dispatch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <queue>

namespace pointattn::nn {
namespace {

constexpr int64_t kLanes = 16;
constexpr int64_t kMoments = 10;  // count, x y z, xx xy xz yy yz zz
using Moments = std::array<double, static_cast<size_t>(kMoments)>;

/// Coordinates of one cloud, an array an axis, padded to whole lanes with points that are nowhere
/// near.
struct Axes {
  std::vector<float> x, y, z;
  int64_t points;

  Axes(const float* xyz, int64_t n) : points(n) {
    const auto padded = static_cast<size_t>((n + kLanes - 1) / kLanes * kLanes);
    x.assign(padded, 1e18F);
    y.assign(padded, 1e18F);
    z.assign(padded, 1e18F);
    for (int64_t i = 0; i < n; ++i) {
      const auto at = static_cast<size_t>(i);
      x[at] = xyz[3 * i];
      y[at] = xyz[3 * i + 1];
      z[at] = xyz[3 * i + 2];
    }
  }
};

/// Moments of the points within a radius of a centre, relative to it. Lane-wise sums keep the order
/// fixed and let the compiler use vectors.
struct MomentsKernel {
  [[gnu::always_inline]] static inline void run(const float* x,
                                                const float* y,
                                                const float* z,
                                                int64_t padded,
                                                int64_t centre,
                                                float limit,
                                                float* out) {
    float sum[kMoments][kLanes] = {};
    const float cx = x[centre];
    const float cy = y[centre];
    const float cz = z[centre];
    for (int64_t j = 0; j < padded; j += kLanes) {
      for (int64_t l = 0; l < kLanes; ++l) {
        const float dx = x[j + l] - cx;
        const float dy = y[j + l] - cy;
        const float dz = z[j + l] - cz;
        const float in = dx * dx + dy * dy + dz * dz < limit ? 1.0F : 0.0F;
        const float mx = in * dx;
        const float my = in * dy;
        const float mz = in * dz;
        sum[0][l] += in;
        sum[1][l] += mx;
        sum[2][l] += my;
        sum[3][l] += mz;
        sum[4][l] += mx * mx;
        sum[5][l] += mx * my;
        sum[6][l] += mx * mz;
        sum[7][l] += my * my;
        sum[8][l] += my * mz;
        sum[9][l] += mz * mz;
      }
    }
    for (int64_t m = 0; m < kMoments; ++m) {
      out[m] = 0.0F;
      for (int64_t l = 0; l < kLanes; ++l) out[m] += sum[m][l];
    }
  }
};

Moments moments_within(const Axes& axes, int64_t i, float radius) {
  float sums[kMoments];
  ops::run_widest<MomentsKernel>(axes.x.data(),
                                 axes.y.data(),
                                 axes.z.data(),
                                 static_cast<int64_t>(axes.x.size()),
                                 i,
                                 radius * radius,
                                 +sums);
  Moments moments{};
  std::copy_n(sums, kMoments, moments.begin());
  return moments;
}

/// Eigenvalues of a symmetric 3×3 matrix, largest first (trigonometric solution of the
/// characteristic cubic).
std::array<double, 3> eigenvalues(
    double xx, double xy, double xz, double yy, double yz, double zz) {
  const double mean = (xx + yy + zz) / 3.0;
  const double off = xy * xy + xz * xz + yz * yz;
  const double a = xx - mean;
  const double b = yy - mean;
  const double c = zz - mean;
  const double size = std::sqrt((a * a + b * b + c * c + 2.0 * off) / 6.0);
  if (size <= 0.0) return {mean, mean, mean};
  const double determinant =
      a * (b * c - yz * yz) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz);
  const double angle =
      std::acos(std::clamp(determinant / (2.0 * size * size * size), -1.0, 1.0)) / 3.0;
  const double first = mean + 2.0 * size * std::cos(angle);
  const double last = mean + 2.0 * size * std::cos(angle + 2.0943951023931953);
  return {first, 3.0 * mean - first - last, last};
}

void describe_radius(const Moments& m, double radius, int64_t points, float* out) {
  const double n = std::max(m[0], 1.0);
  const double x = m[1] / n;
  const double y = m[2] / n;
  const double z = m[3] / n;
  const auto values = eigenvalues(m[4] / n - x * x,
                                  m[5] / n - x * y,
                                  m[6] / n - x * z,
                                  m[7] / n - y * y,
                                  m[8] / n - y * z,
                                  m[9] / n - z * z);
  for (size_t e = 0; e < 3; ++e)
    out[e] = static_cast<float>(std::sqrt(std::max(values[e], 0.0)) / radius);
  out[3] = static_cast<float>(0.3 * std::log(100.0 * n / static_cast<double>(points)));
  out[4] = static_cast<float>(std::sqrt(x * x + y * y + z * z) / radius);
}

/// Calls work(cloud, first row, one past the last row) for every cloud, in parallel.
template <typename Work>
void for_each_cloud(const PointBatch& batch, const Work& work) {
  const at::Tensor offsets = batch.offsets.to(at::kCPU).contiguous();
  const int64_t* row = offsets.const_data_ptr<int64_t>();
  at::parallel_for(0, batch.clouds(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) work(row[b], row[b + 1]);
  });
}

/// Undirected neighbour graph of one cloud.
class Graph {
 public:
  Graph(const float* xyz, const int64_t* neighbors, int64_t first, int64_t points, int64_t k)
      : xyz_(xyz), edges_(static_cast<size_t>(points)) {
    for (int64_t i = 0; i < points; ++i) {
      for (int64_t c = 1; c < k; ++c) link(i, neighbors[i * k + c] - first);
    }
    join_pieces();
  }

  /// Shortest path lengths from a point (Dijkstra 1959).
  void lengths_from(int64_t start, std::vector<float>& length) const {
    length.assign(edges_.size(), std::numeric_limits<float>::infinity());
    using Item = std::pair<float, int64_t>;
    std::priority_queue<Item, std::vector<Item>, std::greater<>> open;
    length[static_cast<size_t>(start)] = 0.0F;
    open.emplace(0.0F, start);
    while (!open.empty()) {
      const auto [travelled, i] = open.top();
      open.pop();
      if (travelled > length[static_cast<size_t>(i)]) continue;
      for (const Edge& edge : edges_[static_cast<size_t>(i)]) {
        const float there = travelled + edge.length;
        if (there >= length[static_cast<size_t>(edge.to)]) continue;
        length[static_cast<size_t>(edge.to)] = there;
        open.emplace(there, edge.to);
      }
    }
  }

 private:
  struct Edge {
    int64_t to;
    float length;
  };

  float distance(int64_t i, int64_t j) const {
    const float dx = xyz_[3 * i] - xyz_[3 * j];
    const float dy = xyz_[3 * i + 1] - xyz_[3 * j + 1];
    const float dz = xyz_[3 * i + 2] - xyz_[3 * j + 2];
    return std::sqrt(dx * dx + dy * dy + dz * dz);
  }

  void link(int64_t i, int64_t j) {
    const float length = distance(i, j);
    edges_[static_cast<size_t>(i)].push_back({j, length});
    edges_[static_cast<size_t>(j)].push_back({i, length});
  }

  /// Joins pieces to the one of point 0 by their shortest gaps (Prim's algorithm from piece to
  /// piece).
  void join_pieces() {
    const auto n = static_cast<int64_t>(edges_.size());
    std::vector<float> gap(edges_.size(), std::numeric_limits<float>::infinity());
    std::vector<int64_t> closest(edges_.size(), 0);
    std::vector<char> inside(edges_.size(), 0);
    std::vector<int64_t> fresh = {0};
    int64_t joined = 0;
    while (true) {
      std::vector<int64_t> added;
      while (!fresh.empty()) {  // the whole piece of the points in `fresh`
        const int64_t i = fresh.back();
        fresh.pop_back();
        if (inside[static_cast<size_t>(i)]) continue;
        inside[static_cast<size_t>(i)] = 1;
        ++joined;
        added.push_back(i);
        for (const Edge& edge : edges_[static_cast<size_t>(i)]) fresh.push_back(edge.to);
      }
      if (joined == n) return;
      int64_t next = -1;
      for (int64_t j = 0; j < n; ++j) {
        if (inside[static_cast<size_t>(j)]) continue;
        for (const int64_t i : added) {
          const float d = distance(i, j);
          if (d < gap[static_cast<size_t>(j)]) {
            gap[static_cast<size_t>(j)] = d;
            closest[static_cast<size_t>(j)] = i;
          }
        }
        if (next < 0 || gap[static_cast<size_t>(j)] < gap[static_cast<size_t>(next)]) next = j;
      }
      link(closest[static_cast<size_t>(next)], next);
      fresh.push_back(next);
    }
  }

  const float* xyz_;
  std::vector<std::vector<Edge>> edges_;
};

}  // namespace

at::Tensor covariance_features(const PointBatch& batch, const std::vector<double>& radii) {
  const at::Tensor xyz = batch.xyz.detach().to(at::kCPU, at::kFloat).contiguous();
  const auto width = static_cast<int64_t>(5 * radii.size());
  at::Tensor out = at::empty({xyz.size(0), width}, xyz.options());
  const float* from = xyz.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  for_each_cloud(batch, [&](int64_t begin, int64_t end) {
    const Axes axes(from + 3 * begin, end - begin);
    for (int64_t i = begin; i < end; ++i) {
      for (size_t r = 0; r < radii.size(); ++r) {
        const Moments moments = moments_within(axes, i - begin, static_cast<float>(radii[r]));
        describe_radius(
            moments, radii[r], end - begin, to + i * width + static_cast<int64_t>(5 * r));
      }
    }
  });
  return out.to(batch.xyz.options());
}

at::Tensor geodesic_features(const PointBatch& batch,
                             const at::Tensor& neighbors,
                             int64_t landmarks) {
  const at::Tensor xyz = batch.xyz.detach().to(at::kCPU, at::kFloat).contiguous();
  const at::Tensor index = neighbors.to(at::kCPU).contiguous();
  const int64_t K = index.size(1);
  at::Tensor out = at::empty({xyz.size(0), 2}, xyz.options());
  const float* from = xyz.const_data_ptr<float>();
  const int64_t* rows = index.const_data_ptr<int64_t>();
  float* to = out.mutable_data_ptr<float>();
  for_each_cloud(batch, [&](int64_t begin, int64_t end) {
    const int64_t points = end - begin;
    if (points == 0) return;
    const Graph graph(from + 3 * begin, rows + begin * K, begin, points, K);
    const int64_t starts = std::min(landmarks, points);
    std::vector<double> mean(static_cast<size_t>(points), 0.0);
    std::vector<double> most(static_cast<size_t>(points), 0.0);
    std::vector<float> length;
    for (int64_t s = 0; s < starts; ++s) {
      graph.lengths_from(s, length);
      for (size_t i = 0; i < length.size(); ++i) {
        mean[i] += length[i] / static_cast<double>(starts);
        most[i] = std::max(most[i], static_cast<double>(length[i]));
      }
    }
    double mean_of_mean = 0.0;
    double mean_of_most = 0.0;
    for (size_t i = 0; i < mean.size(); ++i) {
      mean_of_mean += mean[i] / static_cast<double>(points);
      mean_of_most += most[i] / static_cast<double>(points);
    }
    for (size_t i = 0; i < mean.size(); ++i) {
      float* row = to + 2 * (begin + static_cast<int64_t>(i));
      row[0] = static_cast<float>(mean_of_mean > 0 ? 2.0 * (mean[i] / mean_of_mean - 1.0) : 0.0);
      row[1] = static_cast<float>(mean_of_most > 0 ? 2.0 * (most[i] / mean_of_most - 1.0) : 0.0);
    }
  });
  return out.to(batch.xyz.options());
}

}  // namespace pointattn::nn
