// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"

#include <ATen/core/Tensor.h>
#include <CLI/CLI.hpp>

#include <cstdint>
#include <filesystem>
#include <string>

namespace pointattn::apps {

/// How the commands of retrieval read a shape.
struct ShapeInput {
  int64_t mesh_points = 20000;
  std::string up = "y";
};

void add_shape_input(CLI::App& app, ShapeInput& input);

/// A shape as the network takes it.
struct Shape {
  io::Cloud cloud;  ///< as read
  at::Tensor xyz;   ///< float64 [N,3], turned so that y points upwards; of a mesh, drawn from it
};
Shape read_shape(const std::filesystem::path& path, const ShapeInput& input, uint64_t seed);

/// The axis that --up names.
int up_axis(const ShapeInput& input);

}  // namespace pointattn::apps
