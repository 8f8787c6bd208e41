// SPDX-License-Identifier: Apache-2.0
#include "pointattn/adapters/pcl.h"

#include <pcl/io/pcd_io.h>

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const pointattn::models::Segmenter segmenter(pointattn::models::load_model(argv[1]));
  pcl::PointCloud<pcl::PointXYZ> cloud;
  if (pcl::io::loadPCDFile(argv[2], cloud) < 0) return 1;

  const auto result = segmenter.segment(pointattn::adapters::xyz_view(cloud));
  const pcl::PointCloud<pcl::PointXYZRGBL> labelled =
      pointattn::adapters::labelled(cloud, result, segmenter.model().spec.labels);

  return pcl::io::savePCDFileBinary(argv[3], labelled) < 0;
}
