// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/cloud.h"
#include "pointattn/models/segmenter.h"

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const pointattn::models::Segmenter segmenter(pointattn::models::load_model(argv[1]));
  const pointattn::io::Cloud cloud = pointattn::io::read_cloud(argv[2]);
  const auto result = segmenter.segment(cloud.xyz());
  for (int64_t i = 0; i < cloud.points(); ++i) {
    std::cout << segmenter.model().spec.labels.part(result.label[i].item<int64_t>()).name << '\n';
  }
}
