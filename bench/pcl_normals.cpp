// SPDX-License-Identifier: Apache-2.0
// PCL's normal estimation of real scans on this project's neighbour search and on PCL's own tree, in
// one run: trees included, normals of 16 neighbours each, one thread and all. Where several points are
// the 16th nearest, each search may take another of them: how many of the normals that differ by more
// than 2.6° (cosine 0.999) are of such points is said.
//
//   bench_pcl_normals FILE…
#include "pointattn/adapters/pcl_search.h"
#include "pointattn/io/cloud.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <pcl/features/normal_3d_omp.h>
#include <pcl/point_types.h>
#include <pcl/search/kdtree.h>

#include "bench/support/measure.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <vector>

namespace {

using Point = pcl::PointXYZ;
using Normals = pcl::PointCloud<pcl::Normal>;

pcl::PointCloud<Point>::Ptr read(const char* path) {
  const at::Tensor xyz = pointattn::io::read_cloud(path).xyz();
  const at::Tensor finite = xyz.index({at::isfinite(xyz).all(1)}).contiguous();
  const double* from = finite.const_data_ptr<double>();
  auto cloud = pcl::make_shared<pcl::PointCloud<Point>>();
  for (int64_t i = 0; i < finite.size(0); ++i) {
    cloud->push_back(Point(static_cast<float>(from[3 * i]),
                           static_cast<float>(from[3 * i + 1]),
                           static_cast<float>(from[3 * i + 2])));
  }
  return cloud;
}

template <typename Search>
void estimate(const pcl::PointCloud<Point>::Ptr& cloud, unsigned threads, Normals& normals) {
  pcl::NormalEstimationOMP<Point, pcl::Normal> estimation(threads);
  estimation.setInputCloud(cloud);
  estimation.setSearchMethod(pcl::make_shared<Search>());
  estimation.setKSearch(16);
  estimation.compute(normals);
}

struct Difference {
  long normals = 0;
  long tied = 0;  ///< of these, those whose 16th and 17th neighbours are equally far
};

Difference compare(const pcl::PointCloud<Point>::Ptr& cloud,
                   const Normals& ours,
                   const Normals& theirs) {
  pointattn::adapters::PclSearch<Point> search;
  search.setInputCloud(cloud);
  Difference difference;
  pcl::Indices index;
  std::vector<float> sq_dist;
  for (size_t i = 0; i < ours.size(); ++i) {
    const float cosine =
        std::abs(ours[i].getNormalVector3fMap().dot(theirs[i].getNormalVector3fMap()));
    if (!(cosine < 0.999F)) continue;
    ++difference.normals;
    search.nearestKSearch((*cloud)[i], 17, index, sq_dist);
    difference.tied += sq_dist.size() == 17 && sq_dist[15] == sq_dist[16];
  }
  return difference;
}

void print_rows(const char* path) {
  const auto cloud = read(path);
  const int kept = at::get_num_threads();
  for (const int threads : {1, kept}) {
    at::set_num_threads(threads);
    Normals ours, theirs;
    const auto results = pointattn::bench::measure(
        {[&] { estimate<pointattn::adapters::PclSearch<Point>>(cloud, threads, ours); },
         [&] { estimate<pcl::search::KdTree<Point>>(cloud, threads, theirs); }},
        9,
        20);
    const Difference difference = compare(cloud, ours, theirs);
    std::printf(
        "%-40s %8zu points, %d thread(s): %9.2f ms (best %.2f)  PCL %9.2f ms, %.2fx (best "
        "%.2fx), %ld normals differ, %ld of them tied\n",
        std::strrchr(path, '/') != nullptr ? std::strrchr(path, '/') + 1 : path,
        cloud->size(),
        threads,
        results[0].median_ms,
        results[0].best_ms,
        results[1].median_ms,
        results[1].median_ms / results[0].median_ms,
        results[1].best_ms / results[0].best_ms,
        difference.normals,
        difference.tied);
  }
  at::set_num_threads(kept);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_pcl_normals FILE...\n");
    return 2;
  }
  try {
    for (int i = 1; i < argc; ++i) print_rows(argv[i]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_pcl_normals: %s\n", error.what());
    return 1;
  }
  return 0;
}
