// SPDX-License-Identifier: Apache-2.0
// pointattn_make_samples FOLDER: writes the clouds of samples/ again.
#include "datasets/samples.h"
#include "pointattn/io/cloud.h"

#include <c10/util/Exception.h>

#include <cstdio>
#include <filesystem>

namespace {

void write_samples(const std::filesystem::path& folder) {
  for (const std::string& name : pointattn::datasets::sample_categories()) {
    const at::Tensor xyz = pointattn::datasets::sample_scan(name);
    pointattn::io::Cloud cloud;
    for (int64_t axis = 0; axis < 3; ++axis)
      cloud.set(std::string(1, "xyz"[axis]), xyz.select(1, axis).contiguous());
    cloud.comments = {"made by pointattn_make_samples; metres, y up"};
    pointattn::io::write_cloud(folder / (name + "_sample.ply"), cloud);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  try {
    write_samples(argv[1]);
  } catch (const c10::Error& error) {
    std::fprintf(stderr, "%s\n", error.what_without_backtrace());
    return 1;
  }
  return 0;
}
