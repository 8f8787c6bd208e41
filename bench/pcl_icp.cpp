// SPDX-License-Identifier: Apache-2.0
// PCL's ICP of real scans on this project's neighbour search and on PCL's own tree, in one run: a scan
// against every fourth of its points, turned by 3° and shifted by a hundredth of the scan's size; 20
// iterations, trees included, on one thread (PCL has no more here). The pose's largest differing entry is said.
//
//   bench_pcl_icp FILE…
#include "pointattn/adapters/pcl_search.h"
#include "pointattn/io/cloud.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <pcl/common/common.h>
#include <pcl/common/transforms.h>
#include <pcl/point_types.h>
#include <pcl/registration/icp.h>

#include "bench/support/measure.h"
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>

namespace {

using Point = pcl::PointXYZ;
using Cloud = pcl::PointCloud<Point>;

Cloud::Ptr read(const char* path) {
  const at::Tensor xyz = pointattn::io::read_cloud(path).xyz();
  const at::Tensor finite = xyz.index({at::isfinite(xyz).all(1)});
  // Coordinates of a map are too large for PCL's float32.
  const at::Tensor own = (finite - finite.mean(0)).to(at::kFloat).contiguous();
  const float* from = own.const_data_ptr<float>();
  auto cloud = pcl::make_shared<Cloud>();
  for (int64_t i = 0; i < own.size(0); ++i)
    cloud->push_back(Point(from[3 * i], from[3 * i + 1], from[3 * i + 2]));
  return cloud;
}

Cloud::Ptr moved_part(const Cloud& cloud) {
  Point low, high;
  pcl::getMinMax3D(cloud, low, high);
  const float size = (high.getVector3fMap() - low.getVector3fMap()).norm();
  Eigen::Affine3f move = Eigen::Affine3f::Identity();
  move.translation() = Eigen::Vector3f(1, -1, 1) * (0.01F * size / std::sqrt(3.0F));
  move.rotate(Eigen::AngleAxisf(0.052F, Eigen::Vector3f(1, 2, 3).normalized()));
  auto part = pcl::make_shared<Cloud>();
  for (size_t i = 0; i < cloud.size(); i += 4) part->push_back(cloud[i]);
  pcl::transformPointCloud(*part, *part, move);
  return part;
}

template <typename Search>
Eigen::Matrix4f align(const Cloud::Ptr& source, const Cloud::Ptr& target) {
  pcl::IterativeClosestPoint<Point, Point> icp;
  icp.setSearchMethodTarget(pcl::make_shared<Search>());
  icp.setInputSource(source);
  icp.setInputTarget(target);
  icp.setMaximumIterations(20);
  icp.setTransformationEpsilon(0);
  icp.setEuclideanFitnessEpsilon(0);
  Cloud aligned;
  icp.align(aligned);
  return icp.getFinalTransformation();
}

void print_row(const char* path) {
  const Cloud::Ptr target = read(path);
  const Cloud::Ptr source = moved_part(*target);
  Eigen::Matrix4f ours, theirs;
  const auto results = pointattn::bench::measure(
      {[&] { ours = align<pointattn::adapters::PclSearch<Point>>(source, target); },
       [&] { theirs = align<pcl::search::KdTree<Point>>(source, target); }},
      9,
      30);
  std::printf(
      "%-40s %8zu to %8zu points: %9.2f ms (best %.2f)  PCL %9.2f ms, %.2fx (best %.2fx), poses "
      "differ by %.1e\n",
      std::filesystem::path(path).filename().c_str(),
      source->size(),
      target->size(),
      results[0].median_ms,
      results[0].best_ms,
      results[1].median_ms,
      results[1].median_ms / results[0].median_ms,
      results[1].best_ms / results[0].best_ms,
      static_cast<double>((ours - theirs).cwiseAbs().maxCoeff()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_pcl_icp FILE...\n");
    return 2;
  }
  try {
    at::set_num_threads(1);
    for (int i = 1; i < argc; ++i) print_row(argv[i]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_pcl_icp: %s\n", error.what());
    return 1;
  }
  return 0;
}
