// SPDX-License-Identifier: Apache-2.0
#include "bench/ops_rows.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/ops/farthest_point_sample.h"
#include "pointattn/ops/interpolate.h"
#include "pointattn/ops/knn.h"
#include "pointattn/ops/neighbor_index.h"
#include "pointattn/ops/voxel_grid.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <tuple>

namespace pointattn::bench {
namespace {

using ops::Neighbors;

Neighbors empty_neighbors(int64_t n, int64_t k) {
  return {at::empty({n, k}, at::kLong), at::empty({n, k})};
}

int64_t distances_that_differ(const at::Tensor& theirs, const at::Tensor& ours) {
  return (theirs - ours).abs().gt(2e-6 * ours).sum().item<int64_t>();
}

/// The definition, point by point.
void naive_farthest(const at::Tensor& xyz, int64_t count, std::vector<int64_t>& taken) {
  const float* p = xyz.const_data_ptr<float>();
  const size_t n = static_cast<size_t>(xyz.size(0));
  std::vector<float> sq_dist(n, INFINITY);
  taken.clear();
  for (size_t next = 0; static_cast<int64_t>(taken.size()) < count;) {
    taken.push_back(static_cast<int64_t>(next));
    sq_dist[next] = -1;
    size_t best = 0;
    const float* at = p + 3 * next;
    for (size_t i = 0; i < n; ++i) {
      const float x = p[3 * i] - at[0], y = p[3 * i + 1] - at[1], z = p[3 * i + 2] - at[2];
      sq_dist[i] = std::min(sq_dist[i], x * x + y * y + z * z);
      if (sq_dist[i] > sq_dist[best]) best = i;
    }
    next = best;
  }
}

/// Features by inverse squared distance, as ops::interpolate() defines them.
void weigh(const at::Tensor& feat, const Neighbors& near, at::Tensor& out) {
  const int64_t channels = feat.size(1), k = near.index.size(1);
  const float* from = feat.const_data_ptr<float>();
  const int64_t* index = near.index.const_data_ptr<int64_t>();
  const float* sq_dist = near.sq_dist.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  at::parallel_for(0, out.size(0), 256, [&](int64_t begin, int64_t end) {
    for (int64_t m = begin; m < end; ++m) {
      float sum = 0;
      for (int64_t j = 0; j < k; ++j) sum += 1 / (sq_dist[m * k + j] + 1e-8F);
      std::fill_n(to + m * channels, channels, 0.0F);
      for (int64_t j = 0; j < k; ++j) {
        const float weight = 1 / (sq_dist[m * k + j] + 1e-8F) / sum;
        const float* row = from + index[m * k + j] * channels;
        for (int64_t c = 0; c < channels; ++c) to[m * channels + c] += weight * row[c];
      }
    }
  });
}

}  // namespace

double radius_of(const at::Tensor& xyz, bool cube) {
  const int64_t n = xyz.size(0);
  if (cube) return std::cbrt(32.0 / static_cast<double>(n) * 3 / (4 * M_PI));
  const at::Tensor offsets = offsets_of({n});
  const Neighbors near = ops::knn(xyz, xyz, offsets, offsets, 16);
  return std::sqrt(near.sq_dist.select(1, 15).median().item<double>());
}

void knn_row(OpsTable& table, const NeighborPeers& peers, const at::Tensor& xyz, int64_t k) {
  const int64_t n = xyz.size(0);
  const at::Tensor offsets = offsets_of({n});
  Neighbors ours;
  std::vector<Candidate> candidates{
      {"pointattn", [&] { ours = ops::knn(xyz, xyz, offsets, offsets, k); }, {}}};
  std::vector<Neighbors> results(peers.size());
  for (size_t p = 0; p < peers.size(); ++p) {
    if (!peers[p].knn || n > peers[p].most_points) continue;
    candidates.push_back(
        {peers[p].name,
         [&, p] {
           results[p] = empty_neighbors(n, k);
           peers[p].knn(xyz, xyz, results[p]);
         },
         [&, p] { return distances_that_differ(results[p].sq_dist, ours.sq_dist); }});
  }
  const double bytes = static_cast<double>(n) * (12.0 + 12.0 * static_cast<double>(k));
  table.row("knn k=" + std::to_string(k), n, bytes, candidates);
}

void within_row(OpsTable& table, const NeighborPeers& peers, const at::Tensor& xyz, double radius) {
  const int64_t n = xyz.size(0);
  const at::Tensor offsets = offsets_of({n});
  int64_t found = 0;
  const auto ours = [&] {
    found = ops::NeighborIndex(xyz, offsets).within(xyz, offsets, radius).index.size(0);
  };
  std::vector<Candidate> candidates{{"pointattn", ours, {}}};
  std::vector<int64_t> results(peers.size());
  for (size_t p = 0; p < peers.size(); ++p) {
    if (!peers[p].within || n > peers[p].most_points) continue;
    candidates.push_back({peers[p].name,
                          [&, p] { results[p] = peers[p].within(xyz, radius); },
                          [&, p] { return std::abs(results[p] - found); }});
  }
  table.row("within", n, static_cast<double>(n) * (12.0 + 12.0 * 32), candidates);
}

void farthest_row(OpsTable& table, const NeighborPeers& peers, const at::Tensor& xyz) {
  const int64_t n = xyz.size(0);
  const int64_t count = n <= 1024 ? n / 2 : n <= 4096 ? n / 4 : n <= 16384 ? n / 8 : 4096;
  const at::Tensor offsets = offsets_of({n});
  const at::Tensor counts = at::tensor({count}, at::kLong);
  at::Tensor ours;
  std::vector<int64_t> expected;
  std::vector<Candidate> candidates{
      {"pointattn", [&] { ours = ops::farthest_point_sample(xyz, offsets, counts); }, {}},
      {"naive",
       [&] { naive_farthest(xyz, count, expected); },
       [&] { return ours.ne(at::tensor(expected, at::kLong)).sum().item<int64_t>(); }}};
  for (const NeighborPeer& peer : peers) {
    if (!peer.farthest || n > peer.most_points) continue;
    candidates.push_back({peer.name, [&] { peer.farthest(xyz, count); }, {}});
  }
  table.row(
      "farthest", n, static_cast<double>(n) * 12.0 + static_cast<double>(count) * 8.0, candidates);
}

void interpolate_row(OpsTable& table, const NeighborPeers& peers, const at::Tensor& xyz) {
  constexpr int64_t kChannels = 128;
  const int64_t n = xyz.size(0), few = (n + 3) / 4;
  const at::Tensor points = xyz.slice(0, 0, n, 4).contiguous();
  const at::Tensor feat = at::randn({few, kChannels});
  const at::Tensor offsets = offsets_of({n}), point_offsets = offsets_of({few});
  at::Tensor ours;
  std::vector<Candidate> candidates{
      {"pointattn",
       [&] { ours = ops::interpolate(xyz, points, feat, offsets, point_offsets); },
       {}}};
  std::vector<at::Tensor> results(peers.size());
  for (size_t p = 0; p < peers.size(); ++p) {
    if (!peers[p].knn || n > peers[p].most_points) continue;
    candidates.push_back(
        {peers[p].name,
         [&, p] {
           const Neighbors near = empty_neighbors(n, 3);
           peers[p].knn(xyz, points, near);
           results[p] = at::empty({n, kChannels});
           weigh(feat, near, results[p]);
         },
         [&, p] { return (results[p] - ours).abs().gt(1e-4).sum().item<int64_t>(); }});
  }
  const double bytes = static_cast<double>(n) * (12.0 + 4.0 * kChannels) +
                       static_cast<double>(few) * (12.0 + 4.0 * kChannels);
  table.row("interpolate", n, bytes, candidates);
}

void voxel_row(OpsTable& table, const NeighborPeers& peers, const at::Tensor& xyz, double size) {
  const int64_t n = xyz.size(0);
  const at::Tensor offsets = offsets_of({n});
  int64_t cells = 0;
  std::vector<Candidate> candidates{
      {"pointattn", [&] { cells = ops::voxel_grid(xyz, offsets, size).count.size(0); }, {}}};
  std::vector<int64_t> results(peers.size());
  for (size_t p = 0; p < peers.size(); ++p) {
    if (!peers[p].voxels) continue;
    candidates.push_back({peers[p].name,
                          [&, p] { results[p] = peers[p].voxels(xyz, size); },
                          [&, p] { return std::abs(results[p] - cells); }});
  }
  table.row("voxels", n, static_cast<double>(n) * (12.0 + 8.0), candidates);
}

void feature_row(OpsTable& table, int64_t n, int64_t dims) {
  at::manual_seed(2);
  const at::Tensor features = at::randn({n, dims});
  const at::Tensor offsets = offsets_of({n});
  Neighbors ours;
  std::tuple<at::Tensor, at::Tensor> eager;
  const std::vector<Candidate> candidates{
      {"pointattn", [&] { ours = ops::knn(features, features, offsets, offsets, 16); }, {}},
      {"cdist and topk",
       [&] { eager = at::cdist(features, features).topk(16, 1, false); },
       [&] { return distances_that_differ(std::get<0>(eager).square(), ours.sq_dist); }}};
  const double bytes = static_cast<double>(n) * (4.0 * static_cast<double>(dims) + 12.0 * 16);
  table.row("features D=" + std::to_string(dims), n, bytes, candidates);
}

}  // namespace pointattn::bench
