// SPDX-License-Identifier: Apache-2.0
#include "pointattn/adapters/open3d.h"

#include <open3d/io/PointCloudIO.h>

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const pointattn::models::Segmenter segmenter(pointattn::models::load_model(argv[1]));
  open3d::geometry::PointCloud cloud;
  if (!open3d::io::ReadPointCloud(argv[2], cloud)) return 1;

  const auto result = segmenter.segment(pointattn::adapters::xyz_view(cloud));
  const auto [labelled, part] =
      pointattn::adapters::labelled(cloud, result, segmenter.model().spec.labels);

  return !open3d::io::WritePointCloud(argv[3], labelled);
}
