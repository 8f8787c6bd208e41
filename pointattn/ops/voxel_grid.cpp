// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/voxel_grid.h"

#include "pointattn/ops/knn_inputs.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

namespace pointattn::ops {
namespace {

using Cell = std::array<int64_t, 3>;

struct Sum {
  Cell cell;
  std::array<double, 3> xyz;
  int64_t count;
};

uint64_t mixed(const Cell& cell) {
  uint64_t hash = 0;
  for (int64_t c : cell) {
    hash = (hash ^ static_cast<uint64_t>(c)) * 0x9E3779B97F4A7C15;
    hash ^= hash >> 32;
  }
  return hash;
}

/// The cells of one cloud in the order of their first points; writes the cell of each point.
template <typename T>
std::vector<Sum> fill_cells(const T* points, int64_t n, double size, int64_t* voxel) {
  constexpr int64_t kFree = -1;
  std::vector<Sum> sums;
  // Open addressing, at most half full.
  std::vector<int64_t> table(std::bit_ceil(static_cast<size_t>(2 * n + 2)), kFree);
  const uint64_t mask = table.size() - 1;
  for (int64_t i = 0; i < n; ++i) {
    std::array<double, 3> xyz;
    Cell cell;
    for (size_t axis = 0; axis < 3; ++axis) {
      xyz[axis] = static_cast<double>(points[3 * i + static_cast<int64_t>(axis)]);
      const double place = std::floor(xyz[axis] / size);
      TORCH_CHECK_VALUE(std::abs(place) <= 0x1p52,
                        "voxel_grid: expected a size that numbers the cells of the points, got ",
                        size,
                        " for a coordinate of ",
                        xyz[axis]);
      cell[axis] = static_cast<int64_t>(place);
    }
    uint64_t slot = mixed(cell) & mask;
    while (table[slot] != kFree && sums[static_cast<size_t>(table[slot])].cell != cell)
      slot = (slot + 1) & mask;
    if (table[slot] == kFree) {
      table[slot] = static_cast<int64_t>(sums.size());
      sums.push_back({cell, {}, 0});
    }
    voxel[i] = table[slot];
    Sum& sum = sums[static_cast<size_t>(table[slot])];
    for (size_t axis = 0; axis < 3; ++axis) sum.xyz[axis] += xyz[axis];
    ++sum.count;
  }
  return sums;
}

template <typename T>
Voxels voxels_of(const CloudRows& clouds, double size) {
  const size_t batch = static_cast<size_t>(clouds.clouds());
  const T* points = clouds.xyz.const_data_ptr<T>();
  const auto longs = clouds.xyz.options().dtype(at::kLong);
  Voxels out;
  out.voxel = at::empty({clouds.xyz.size(0)}, longs);
  int64_t* voxel = out.voxel.mutable_data_ptr<int64_t>();
  std::vector<std::vector<Sum>> cells(batch);
  at::parallel_for(0, clouds.clouds(), 1, [&](int64_t begin, int64_t end) {
    for (size_t b = static_cast<size_t>(begin); b < static_cast<size_t>(end); ++b) {
      const int64_t first = clouds.offsets[b];
      cells[b] = fill_cells(points + 3 * first, clouds.offsets[b + 1] - first, size, voxel + first);
    }
  });
  std::vector<int64_t> starts{0};
  for (const auto& cloud : cells)
    starts.push_back(starts.back() + static_cast<int64_t>(cloud.size()));
  out.offsets = at::tensor(starts, at::kLong);
  out.xyz = at::empty({starts.back(), 3}, clouds.xyz.options());
  out.count = at::empty({starts.back()}, longs);
  T* xyz = out.xyz.mutable_data_ptr<T>();
  int64_t* count = out.count.mutable_data_ptr<int64_t>();
  for (size_t b = 0; b < batch; ++b) {
    for (const Sum& sum : cells[b]) {
      for (double axis : sum.xyz) *xyz++ = static_cast<T>(axis / static_cast<double>(sum.count));
      *count++ = sum.count;
    }
    for (int64_t i = clouds.offsets[b]; i < clouds.offsets[b + 1]; ++i) voxel[i] += starts[b];
  }
  return out;
}

}  // namespace

Voxels voxel_grid(const at::Tensor& points, const at::Tensor& offsets, double size) {
  TORCH_CHECK_VALUE(
      size > 0 && std::isfinite(size), "voxel_grid: expected a finite size above 0, got ", size);
  const CloudRows clouds = check_points("voxel_grid", points.detach(), offsets);
  TORCH_CHECK_VALUE(
      points.is_cpu(), "voxel_grid: expected points on the CPU, got points on ", points.device());
  return points.scalar_type() == at::kFloat ? voxels_of<float>(clouds, size)
                                            : voxels_of<double>(clouds, size);
}

}  // namespace pointattn::ops
