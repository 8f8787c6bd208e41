// SPDX-License-Identifier: Apache-2.0
// Neighbour search and sampling on the CPU against the libraries that were found when the project
// was configured, in one run: each point of a cloud of N is a query, building included, all threads.
//
//   bench_ops [--n 1024,4096,…] [--k 16,32] [--cloud cube|cluster|plane|line|duplicates|lattice|FILE]
//   [--runs R] [--seconds S] [--only knn|within|farthest|interpolate|voxels|features] [--svg FILE]
//
// `within` is the search of a radius that holds about 32 points of the cube (16 in other clouds: the
// median distance to the 16th). `voxels` are cubes with that radius as edge, about eight points each
// in the cube. `farthest` takes 512, 1,024, 2,048, then 4,096 points. `interpolate` carries 128
// features from every fourth of the points to all by the nearest three. `features` (only when
// asked for) are the nearest 16 of N normal ones of D = 64, 128 and 512 dimensions. "floor" is the
// time that reading the input and writing the results alone takes at the speed of a copy. "differ"
// counts squared distances that are not ours up to a relative 2e-6, pairs or cells too many or too
// few, other indices, or values (1e-4).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "bench/ops_clouds.h"
#include "bench/ops_rows.h"
#include "bench/ops_table.h"
#include "bench/peers/neighbor_peers.h"
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace bench = pointattn::bench;

struct Options {
  std::vector<int64_t> sizes{1024, 4096, 16384, 131072, 1048576};
  std::vector<int64_t> ks{16, 32};
  std::string cloud = "cube";
  std::string only;
  std::string svg;
  int runs = 9;
  double seconds = 30;

  bool wants(const std::string& operation) const { return only.empty() || only == operation; }
};

std::vector<int64_t> numbers(const std::string& text) {
  std::vector<int64_t> values;
  std::stringstream list(text);
  for (std::string item; std::getline(list, item, ',');)
    values.push_back(std::strtoll(item.c_str(), nullptr, 10));
  return values;
}

/// Nothing when the command line is wrong.
std::optional<Options> parse(const std::vector<std::string>& arguments) {
  Options options;
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

void rows_of(bench::OpsTable& table,
             const bench::NeighborPeers& peers,
             const at::Tensor& xyz,
             const Options& options) {
  if (options.wants("knn"))
    for (const int64_t k : options.ks) bench::knn_row(table, peers, xyz, k);
  if (options.wants("within") || options.wants("voxels")) {
    const double radius = bench::radius_of(xyz, options.cloud == "cube");
    if (options.wants("within")) bench::within_row(table, peers, xyz, radius);
    if (options.wants("voxels")) bench::voxel_row(table, peers, xyz, radius);
  }
  if (options.wants("farthest")) bench::farthest_row(table, peers, xyz);
  if (options.wants("interpolate")) bench::interpolate_row(table, peers, xyz);
}

void run(const Options& options) {
  const bench::NeighborPeers peers = bench::neighbor_peers();
  const double speed = bench::copy_speed();
  std::printf("%s, float32, %d threads, copy %.1f GB/s; milliseconds, peer / ours\n",
              options.cloud.c_str(),
              at::get_num_threads(),
              speed * 1e-9);
  bench::OpsTable table(options.runs, options.seconds, speed);
  const bool file = options.cloud.find('.') != std::string::npos;
  for (const int64_t n : file ? std::vector<int64_t>{0} : options.sizes) {
    if (options.only == "features") {
      for (const int64_t dims : {64, 128, 512}) bench::feature_row(table, n, dims);
    } else {
      rows_of(table, peers, bench::make_cloud(options.cloud, n), options);
    }
  }
  if (!options.svg.empty()) table.plot(options.svg, file ? "a scan" : options.cloud);
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Options> options = parse(std::vector<std::string>(argv + 1, argv + argc));
  if (!options) {
    std::fprintf(
        stderr,
        "usage: bench_ops [--n LIST] [--k LIST] [--cloud "
        "cube|cluster|plane|line|duplicates|lattice|FILE] [--runs R] [--seconds S] [--only "
        "knn|within|farthest|interpolate|voxels|features] [--svg FILE]\n");
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
