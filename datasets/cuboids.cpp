// SPDX-License-Identifier: Apache-2.0
#include "datasets/cuboids.h"

#include "datasets/tsv.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace pointattn::datasets {
namespace {

const std::vector<std::string_view> kColumns = {"partnet_anno_id",
                                                "group",
                                                "cx",
                                                "cy",
                                                "cz",
                                                "dx",
                                                "dy",
                                                "dz",
                                                "rx",
                                                "ry",
                                                "rz",
                                                "tx",
                                                "ty",
                                                "tz",
                                                "fx",
                                                "fy",
                                                "fz"};

Cuboid cuboid_of(const std::vector<std::string_view>& cells) {
  Cuboid box{};
  box.group = static_cast<int64_t>(number_of(cells[1], kColumns[1]));
  for (size_t i = 0; i < 3; ++i) {
    box.center[i] = number_of(cells[2 + i], kColumns[2 + i]);
    box.size[i] = number_of(cells[5 + i], kColumns[5 + i]);
    TORCH_CHECK_VALUE(box.size[i] >= 0,
                      "expected a size of at least 0 for ",
                      kColumns[5 + i],
                      ", got ",
                      cells[5 + i]);
  }
  for (size_t axis = 0; axis < 3; ++axis) {
    double square = 0;
    for (size_t i = 0; i < 3; ++i) {
      const size_t cell = 8 + 3 * axis + i;
      box.axes[axis][i] = number_of(cells[cell], kColumns[cell]);
      square += box.axes[axis][i] * box.axes[axis][i];
    }
    TORCH_CHECK_VALUE(std::abs(square - 1) < 0.01,
                      "expected axes of length 1, got ",
                      kColumns[8 + 3 * axis].substr(0, 1),
                      " of length ",
                      std::sqrt(square));
  }
  return box;
}

/// Sums of the areas of all pairs of faces so far: faces 3·box + axis are those across that axis.
std::vector<double> running_areas(const std::vector<Cuboid>& boxes) {
  std::vector<double> sums;
  double sum = 0;
  for (const Cuboid& box : boxes) {
    for (size_t axis = 0; axis < 3; ++axis) {
      sum += box.size[(axis + 1) % 3] * box.size[(axis + 2) % 3];
      sums.push_back(sum);
    }
  }
  return sums;
}

}  // namespace

void read_cuboids(const std::filesystem::path& path, CuboidShapes& shapes) {
  read_tsv(path, kColumns, [&](int64_t, const std::vector<std::string_view>& cells) {
    shapes[std::string(cells[0])].push_back(cuboid_of(cells));
  });
}

CuboidPoints sample_cuboids(const std::vector<Cuboid>& boxes, int64_t points, Random random) {
  TORCH_CHECK_VALUE(!boxes.empty(), "sample_cuboids: expected at least one box");
  const std::vector<double> areas = running_areas(boxes);
  CuboidPoints out{at::empty({points, 3}), at::empty({points}, at::kLong)};
  auto xyz = out.xyz.accessor<float, 2>();
  auto numbers = out.box.accessor<int64_t, 1>();
  for (int64_t n = 0; n < points; ++n) {
    const double at = random.uniform(0, areas.back());
    const auto place = static_cast<size_t>(
        std::min<ptrdiff_t>(std::upper_bound(areas.begin(), areas.end(), at) - areas.begin(),
                            static_cast<ptrdiff_t>(areas.size()) - 1));
    const Cuboid& box = boxes[place / 3];
    double offset[3];
    for (size_t i = 0; i < 3; ++i) offset[i] = box.size[i] * random.uniform(-0.5, 0.5);
    const size_t across = place % 3;
    offset[across] = box.size[across] * (random.chance(0.5) ? 0.5 : -0.5);
    for (size_t i = 0; i < 3; ++i) {
      double value = box.center[i];
      for (size_t axis = 0; axis < 3; ++axis) value += offset[axis] * box.axes[axis][i];
      xyz[n][static_cast<int64_t>(i)] = static_cast<float>(value);
    }
    numbers[n] = static_cast<int64_t>(place / 3);
  }
  return out;
}

}  // namespace pointattn::datasets
