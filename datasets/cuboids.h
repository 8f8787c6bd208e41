// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/random.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace pointattn::datasets {

/// A box: centre, edge lengths, and the unit directions of its three edges.
struct Cuboid {
  std::array<double, 3> center;
  std::array<double, 3> size;
  std::array<std::array<double, 3>, 3> axes;
  int64_t group;  ///< the part of the shape that the box belongs to
};

/// Shapes made of boxes, by their `partnet_anno_id`.
using CuboidShapes = std::map<std::string, std::vector<Cuboid>>;

/// Adds the shapes of a tab-separated table, a row a box, with the columns partnet_anno_id, group,
/// cx cy cz (centre), dx dy dz (size), rx ry rz, tx ty tz, fx fy fz (axes). Throws c10::Error with
/// path and line: cells that are no numbers, a negative size, axes that are not of length one.
void read_cuboids(const std::filesystem::path& path, CuboidShapes& shapes);

/// Points on the surfaces of the boxes, uniform by area: xyz [points,3] float32, and the number of
/// the box of each, int64 [points]. Boxes may reach into one another; no face is left out. Boxes
/// without area give their centres. `boxes` must not be empty.
struct CuboidPoints {
  at::Tensor xyz, box;
};
CuboidPoints sample_cuboids(const std::vector<Cuboid>& boxes, int64_t points, Random random);

}  // namespace pointattn::datasets
