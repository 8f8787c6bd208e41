// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/voxel_grid.h"

#include "pointattn/ops/knn_inputs.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace pointattn::ops {
namespace {

struct Cell {
  int64_t x, y, z;

  bool operator!=(const Cell& other) const {
    return ((x ^ other.x) | (y ^ other.y) | (z ^ other.z)) != 0;
  }
  uint64_t hash() const {
    const uint64_t mixed = static_cast<uint64_t>(x) * 0x9E3779B97F4A7C15 ^
                           static_cast<uint64_t>(y) * 0xC2B2AE3D27D4EB4F ^
                           static_cast<uint64_t>(z) * 0x165667B19E3779F9;
    return (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93 >> 16;
  }
};

/// One cache line.
struct alignas(64) Sum {
  Cell cell;
  double x, y, z;
  int64_t count;
};

/// Some points on their way into cells.
template <typename T>
struct Block {
  static constexpr int64_t kSize = 64;
  size_t count;
  double xyz[3][kSize];
  int64_t cell[3][kSize];
  uint64_t hash[kSize];

  Block(const T* points, int64_t size, double edge) : count(static_cast<size_t>(size)) {
    for (size_t axis = 0; axis < 3; ++axis) {
      bool numbered = true;
      for (size_t i = 0; i < count; ++i) {
        xyz[axis][i] = static_cast<double>(points[3 * i + axis]);
        const double place = xyz[axis][i] / edge;
        const bool inside = std::abs(place) <= 0x1p52;
        numbered &= inside;
        // std::floor() is a call on the oldest instruction sets.
        const int64_t truncated = static_cast<int64_t>(inside ? place : 0.0);
        cell[axis][i] = truncated - (static_cast<double>(truncated) > place);
      }
      if (!numbered) refuse(axis, edge);
    }
    for (size_t i = 0; i < count; ++i) hash[i] = at(i).hash();
  }

  Cell at(size_t i) const { return {cell[0][i], cell[1][i], cell[2][i]}; }

 private:
  [[noreturn]] void refuse(size_t axis, double edge) const {
    const double* first = std::find_if(
        xyz[axis], xyz[axis] + count, [edge](double x) { return !(std::abs(x / edge) <= 0x1p52); });
    C10_THROW_ERROR(
        ValueError,
        c10::str("voxel_grid: expected a size that numbers the cells of the points, got ",
                 edge,
                 " for a coordinate of ",
                 *first));
  }
};

/// The cells of one cloud in the order of their first points, found by their hash.
class CellSums {
 public:
  /// The number of a cell, a new one where it is met for the first time.
  int32_t find(const Cell& cell, uint64_t hash) {
    uint64_t slot = hash & mask();
    while (table_[slot] != kFree && sums_[static_cast<size_t>(table_[slot])].cell != cell)
      slot = (slot + 1) & mask();
    if (table_[slot] != kFree) return table_[slot];
    const int32_t number = static_cast<int32_t>(sums_.size());
    table_[slot] = number;
    sums_.push_back({cell, 0, 0, 0, 0});
    if (2 * sums_.size() > table_.size()) grow();
    return number;
  }

  void add(int32_t number, double x, double y, double z) {
    Sum& sum = sums_[static_cast<size_t>(number)];
    sum.x += x;
    sum.y += y;
    sum.z += z;
    ++sum.count;
  }

  /// To be called well before find(), the first before the second.
  void expect_slot(uint64_t hash) const { __builtin_prefetch(&table_[hash & mask()]); }
  void expect_sum(uint64_t hash) const {
    const int32_t likely = table_[hash & mask()];
    if (likely != kFree) __builtin_prefetch(&sums_[static_cast<size_t>(likely)], 1);
  }

  std::vector<Sum> take() { return std::move(sums_); }

 private:
  static constexpr int32_t kFree = -1;

  uint64_t mask() const { return table_.size() - 1; }

  void grow() {
    table_.assign(4 * table_.size(), kFree);
    for (size_t number = 0; number < sums_.size(); ++number) {
      uint64_t slot = sums_[number].cell.hash() & mask();
      while (table_[slot] != kFree) slot = (slot + 1) & mask();
      table_[slot] = static_cast<int32_t>(number);
    }
  }

  std::vector<Sum> sums_;
  std::vector<int32_t> table_ = std::vector<int32_t>(1024, kFree);  // at most half full
};

/// The cells of one cloud; writes the cell of each point.
template <typename T>
std::vector<Sum> fill_cells(const T* points, int64_t n, double size, int64_t* voxel) {
  TORCH_CHECK_VALUE(n <= std::numeric_limits<int32_t>::max(),
                    "voxel_grid: expected at most ",
                    std::numeric_limits<int32_t>::max(),
                    " points in a cloud, got ",
                    n);
  CellSums sums;
  for (int64_t begin = 0; begin < n; begin += Block<T>::kSize) {
    const Block<T> block(points + 3 * begin, std::min(Block<T>::kSize, n - begin), size);
    for (size_t i = 0; i < block.count; ++i) sums.expect_slot(block.hash[i]);
    for (size_t i = 0; i < block.count; ++i) sums.expect_sum(block.hash[i]);
    for (size_t i = 0; i < block.count; ++i) {
      const int32_t number = sums.find(block.at(i), block.hash[i]);
      sums.add(number, block.xyz[0][i], block.xyz[1][i], block.xyz[2][i]);
      voxel[begin + static_cast<int64_t>(i)] = number;
    }
  }
  return sums.take();
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
      for (const double axis : {sum.x, sum.y, sum.z})
        *xyz++ = static_cast<T>(axis / static_cast<double>(sum.count));
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
