// SPDX-License-Identifier: Apache-2.0
#include "apps/shape_input.h"

#include <ATen/ATen.h>

namespace pointattn::apps {

void add_shape_input(CLI::App& app, ShapeInput& input) {
  app.add_option("--mesh-points", input.mesh_points, "Points drawn from a mesh")
      ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}))
      ->capture_default_str();
  app.add_option("--up", input.up, "Axis of the clouds that points upwards")
      ->check(CLI::IsMember({"x", "y", "z"}))
      ->capture_default_str();
}

int up_axis(const ShapeInput& input) { return input.up[0] - 'x'; }

Shape read_shape(const std::filesystem::path& path, const ShapeInput& input, uint64_t seed) {
  Shape shape;
  shape.cloud = io::read_cloud(path);
  if (shape.cloud.triangles.defined() && shape.cloud.triangles.size(0) > 0) {
    shape.xyz = io::sample_mesh(shape.cloud, input.mesh_points, seed).xyz();
  } else {
    shape.xyz = shape.cloud.xyz();
  }
  // The axes are renamed in a circle, which turns and does not mirror.
  const int up = up_axis(input);
  shape.xyz = at::stack({shape.xyz.select(1, (up + 2) % 3),
                         shape.xyz.select(1, up),
                         shape.xyz.select(1, (up + 1) % 3)},
                        1);
  return shape;
}

}  // namespace pointattn::apps
