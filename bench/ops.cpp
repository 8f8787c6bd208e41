// SPDX-License-Identifier: Apache-2.0
// Neighbour search and sampling on the CPU against the libraries that were found when the project
// was configured, in one run: each point of a cloud of N is a query, building included, all threads.
//
//   bench_ops [--n 1024,4096,…] [--k 16,32] [--cloud cube|cluster|plane|line|duplicates|lattice|FILE]
//   [--runs R] [--seconds S] [--only knn|within|farthest|features] [--svg FILE]
//
// `within` is the search of a radius that holds about 32 points of the cube (16 in other clouds: the
// median distance to the 16th). `farthest` takes 512, 1,024, 2,048, then 4,096 points. "floor" is
// the time that reading the points and writing the results alone takes at the speed of a copy.
// `features` are the nearest 16 of N normal ones of D = 64, 128 and 512 dimensions. "differ" counts the squared distances (or found pairs) that are not the peer's up to a relative
// 2e-6.
#include "pointattn/core/point_batch.h"
#include "pointattn/io/cloud.h"
#include "pointattn/ops/farthest_point_sample.h"
#include "pointattn/ops/knn.h"
#include "pointattn/ops/neighbor_index.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "bench/peers/neighbor_peers.h"
#include "bench/support/measure.h"
#include "bench/support/plot.h"
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

using pointattn::offsets_of;
using pointattn::bench::Measurement;
using pointattn::bench::NeighborPeer;
using pointattn::ops::Neighbors;

struct Options {
  std::vector<int64_t> sizes{1024, 4096, 16384, 131072, 1048576};
  std::vector<int64_t> ks{16, 32};
  std::string cloud = "cube";
  std::string only;
  std::string svg;
  int runs = 9;
  double seconds = 30;
};

/// Nothing when the command line is wrong.
std::optional<Options> parse(const std::vector<std::string>& arguments) {
  Options options;
  const auto numbers = [](const std::string& text) {
    std::vector<int64_t> values;
    std::stringstream list(text);
    for (std::string item; std::getline(list, item, ',');)
      values.push_back(std::strtoll(item.c_str(), nullptr, 10));
    return values;
  };
  for (size_t i = 0; i < arguments.size(); i += 2) {
    if (i + 1 == arguments.size()) return std::nullopt;
    const std::string& name = arguments[i];
    const std::string& value = arguments[i + 1];
    if (name == "--n") {
      options.sizes = numbers(value);
    } else if (name == "--k") {
      options.ks = numbers(value);
    } else if (name == "--cloud") {
      options.cloud = value;
    } else if (name == "--only") {
      options.only = value;
    } else if (name == "--svg") {
      options.svg = value;
    } else if (name == "--runs") {
      options.runs = std::atoi(value.c_str());
    } else if (name == "--seconds") {
      options.seconds = std::atof(value.c_str());
    } else {
      return std::nullopt;
    }
  }
  for (int64_t n : options.sizes)
    if (n < 64) return std::nullopt;
  for (int64_t k : options.ks)
    if (k < 1 || k > 64) return std::nullopt;
  return options;
}

/// [N,3] float32, points in random order.
at::Tensor make_cloud(const std::string& kind, int64_t n) {
  at::manual_seed(1);
  const at::Tensor cube = at::rand({n, 3});
  if (kind == "cube") return cube;
  if (kind == "cluster")
    return at::rand({32, 3}).index({at::randint(32, {n})}) + 0.01 * (cube - 0.5);
  if (kind == "plane") return cube * at::tensor({1.0F, 1.0F, 0.0F}) + 0.5;
  if (kind == "line") return cube.narrow(1, 0, 1) * at::tensor({1.0F, 2.0F, -1.0F});
  if (kind == "duplicates") return at::rand({n / 20, 3}).index({at::randint(n / 20, {n})});
  if (kind == "lattice") {
    return (cube * std::ceil(std::cbrt(static_cast<double>(n)))).floor();
  }
  const at::Tensor xyz = pointattn::io::read_cloud(kind).xyz();
  const at::Tensor finite = xyz.index({at::isfinite(xyz).all(1)});
  return (finite - finite.mean(0)).to(at::kFloat).contiguous();
}

/// Bytes a second of copying on all threads.
double copy_speed() {
  const int64_t size = 1 << 28;
  const at::Tensor from = at::ones({size}, at::kByte);
  const at::Tensor to = at::empty_like(from);
  const auto copy = [&] {
    at::parallel_for(0, size, 1 << 20, [&](int64_t begin, int64_t end) {
      std::memcpy(to.mutable_data_ptr<uint8_t>() + begin,
                  from.const_data_ptr<uint8_t>() + begin,
                  static_cast<size_t>(end - begin));
    });
  };
  const double best_ms = pointattn::bench::measure({copy}, 9, 2).front().best_ms;
  return 2 * static_cast<double>(size) / best_ms * 1e3;
}

struct Candidate {
  std::string name;
  std::function<void()> call;
  std::function<int64_t()> differ;
};

class Table {
 public:
  Table(const Options& options, double bytes_a_second)
      : options_(options), bytes_a_second_(bytes_a_second) {}

  void row(const std::string& operation,
           int64_t n,
           double bytes,
           const std::vector<Candidate>& candidates) {
    std::vector<std::function<void()>> calls;
    for (const Candidate& candidate : candidates) calls.push_back(candidate.call);
    const std::vector<Measurement> results =
        pointattn::bench::measure(calls, options_.runs, options_.seconds);
    std::printf("%-12s %8ld  floor %8.3f ms  ours %9.3f (best %.3f, %.0f MB)",
                operation.c_str(),
                static_cast<long>(n),
                bytes / bytes_a_second_ * 1e3,
                results[0].median_ms,
                results[0].best_ms,
                static_cast<double>(results[0].peak_bytes) / 1e6);
    curves_[operation][candidates[0].name].emplace_back(n, results[0].median_ms);
    for (size_t i = 1; i < candidates.size(); ++i) {
      std::printf("  | %s %.3f, %.2fx (best %.2fx)",
                  candidates[i].name.c_str(),
                  results[i].median_ms,
                  results[i].median_ms / results[0].median_ms,
                  results[i].best_ms / results[0].best_ms);
      if (candidates[i].differ)
        std::printf(", %ld differ", static_cast<long>(candidates[i].differ()));
      curves_[operation][candidates[i].name].emplace_back(n, results[i].median_ms);
    }
    std::printf("\n");
    std::fflush(stdout);
  }

  /// One picture an operation, FILE-operation.svg.
  void plot() const {
    for (const auto& [operation, curves] : curves_) {
      std::vector<pointattn::bench::Curve> list;
      for (const auto& [name, points] : curves) list.push_back({name, points});
      const std::filesystem::path base(options_.svg);
      std::string name = operation;
      for (char& c : name) c = c == ' ' || c == '=' ? '-' : c;
      pointattn::bench::plot_log_log(
          base.parent_path() / (base.stem().string() + "-" + name + ".svg"),
          operation + ", " + options_.cloud,
          "points",
          "ms",
          list);
    }
  }

 private:
  const Options& options_;
  double bytes_a_second_;
  std::map<std::string, std::map<std::string, std::vector<std::pair<double, double>>>> curves_;
};

Neighbors empty_neighbors(int64_t n, int64_t k) {
  return {at::empty({n, k}, at::kLong), at::empty({n, k})};
}

void knn_rows(Table& table,
              const std::vector<NeighborPeer>& peers,
              const at::Tensor& xyz,
              int64_t k) {
  const int64_t n = xyz.size(0);
  const at::Tensor offsets = offsets_of({n});
  Neighbors ours;
  std::vector<Candidate> candidates{
      {"pointattn", [&] { ours = pointattn::ops::knn(xyz, xyz, offsets, offsets, k); }, {}}};
  std::vector<Neighbors> results(peers.size());
  for (size_t p = 0; p < peers.size(); ++p) {
    if (!peers[p].knn || n > peers[p].most_points) continue;
    candidates.push_back({peers[p].name,
                          [&, p] {
                            results[p] = empty_neighbors(n, k);
                            peers[p].knn(xyz, results[p]);
                          },
                          [&, p] {
                            const at::Tensor error = (results[p].sq_dist - ours.sq_dist).abs();
                            return error.gt(2e-6 * ours.sq_dist).sum().item<int64_t>();
                          }});
  }
  const double bytes = static_cast<double>(n) * (12.0 + 12.0 * static_cast<double>(k));
  table.row("knn k=" + std::to_string(k), n, bytes, candidates);
}

void within_rows(Table& table,
                 const std::vector<NeighborPeer>& peers,
                 const at::Tensor& xyz,
                 bool cube) {
  const int64_t n = xyz.size(0);
  const at::Tensor offsets = offsets_of({n});
  const double radius = cube ? std::cbrt(32.0 / static_cast<double>(n) * 3 / (4 * M_PI))
                             : std::sqrt(pointattn::ops::knn(xyz, xyz, offsets, offsets, 16)
                                             .sq_dist.select(1, 15)
                                             .median()
                                             .item<double>());
  int64_t found = 0;
  std::vector<Candidate> candidates{
      {"pointattn",
       [&] {
         found =
             pointattn::ops::NeighborIndex(xyz, offsets).within(xyz, offsets, radius).index.size(0);
       },
       {}}};
  std::vector<int64_t> results(peers.size());
  for (size_t p = 0; p < peers.size(); ++p) {
    if (!peers[p].within || n > peers[p].most_points) continue;
    candidates.push_back({peers[p].name,
                          [&, p] { results[p] = peers[p].within(xyz, radius); },
                          [&, p] { return std::abs(results[p] - found); }});
  }
  table.row("within", n, static_cast<double>(n) * (12.0 + 12.0 * 32), candidates);
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

void farthest_rows(Table& table, const std::vector<NeighborPeer>& peers, const at::Tensor& xyz) {
  const int64_t n = xyz.size(0);
  const int64_t count = n <= 1024 ? n / 2 : n <= 4096 ? n / 4 : n <= 16384 ? n / 8 : 4096;
  const at::Tensor offsets = offsets_of({n});
  const at::Tensor counts = at::tensor({count}, at::kLong);
  at::Tensor ours;
  std::vector<int64_t> expected;
  std::vector<Candidate> candidates{
      {"pointattn",
       [&] { ours = pointattn::ops::farthest_point_sample(xyz, offsets, counts); },
       {}},
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

/// The nearest 16 in feature space, as a network with a dynamic graph asks for them.
void feature_rows(Table& table, int64_t n, int64_t dims) {
  at::manual_seed(2);
  const at::Tensor features = at::randn({n, dims});
  const at::Tensor offsets = offsets_of({n});
  Neighbors ours;
  std::tuple<at::Tensor, at::Tensor> eager;
  const std::vector<Candidate> candidates{
      {"pointattn",
       [&] { ours = pointattn::ops::knn(features, features, offsets, offsets, 16); },
       {}},
      {"cdist and topk",
       [&] { eager = at::cdist(features, features).topk(16, 1, false); },
       [&] {
         const at::Tensor error = (std::get<0>(eager).square() - ours.sq_dist).abs();
         return error.gt(2e-6 * ours.sq_dist).sum().item<int64_t>();
       }}};
  const double bytes = static_cast<double>(n) * (4.0 * static_cast<double>(dims) + 12.0 * 16);
  table.row("features D=" + std::to_string(dims), n, bytes, candidates);
}

void run(const Options& options) {
  const std::vector<NeighborPeer> peers = pointattn::bench::neighbor_peers();
  const double speed = copy_speed();
  std::printf("%s, float32, %d threads, copy %.1f GB/s; milliseconds, peer / ours\n",
              options.cloud.c_str(),
              at::get_num_threads(),
              speed * 1e-9);
  Table table(options, speed);
  const bool file = options.cloud.find('.') != std::string::npos;
  for (const int64_t n : file ? std::vector<int64_t>{0} : options.sizes) {
    if (options.only == "features") {
      for (const int64_t dims : {64, 128, 512}) feature_rows(table, n, dims);
      continue;
    }
    const at::Tensor xyz = make_cloud(options.cloud, n);
    if (options.only.empty() || options.only == "knn")
      for (const int64_t k : options.ks) knn_rows(table, peers, xyz, k);
    if (options.only.empty() || options.only == "within")
      within_rows(table, peers, xyz, options.cloud == "cube");
    if (options.only.empty() || options.only == "farthest") farthest_rows(table, peers, xyz);
  }
  if (!options.svg.empty()) table.plot();
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Options> options = parse(std::vector<std::string>(argv + 1, argv + argc));
  if (!options) {
    std::fprintf(
        stderr,
        "usage: bench_ops [--n LIST] [--k LIST] [--cloud "
        "cube|cluster|plane|line|duplicates|lattice|FILE] [--runs R] [--seconds S] [--only "
        "knn|within|farthest|features] [--svg FILE]\n");
    return 2;
  }
  try {
    run(*options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_ops: %s\n", error.what());
    return 1;
  }
  return 0;
}
