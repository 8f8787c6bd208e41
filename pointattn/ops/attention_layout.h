// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/attention_tile.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

/// How the CPU kernels of offset attention divide a ragged batch into tiles and tasks, and the
/// copies that their products read.
namespace pointattn::ops::tile {

struct Cloud {
  int64_t begin;        ///< first row
  int64_t count;        ///< rows
  int64_t first_group;  ///< where the cloud starts in pack_groups
  int64_t first_panel;  ///< where it starts in pack_panels
};

struct RowTile {
  const Cloud* cloud;
  int64_t begin;  ///< first row within the cloud, a multiple of kTileRows
  int64_t rows;
};

/// The table of inner loops for this machine: what LibTorch runs its own kernels with
/// (ATEN_CPU_CAPABILITY overrides it).
template <typename T>
const Kernels<T>& best_kernels();

template <typename T>
class Layout {
 public:
  explicit Layout(const std::vector<int64_t>& offsets);
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;

  const Kernels<T>& kernels() const { return kernels_; }
  int64_t rows() const { return rows_; }
  const std::vector<Cloud>& clouds() const { return clouds_; }
  const std::vector<RowTile>& tiles() const { return tiles_; }

  /// Copies of a matrix [rows,width] with points as the left or the right operand of a score
  /// product (see Kernels).
  at::Tensor pack_groups(const at::Tensor& matrix) const;
  at::Tensor pack_panels(const at::Tensor& matrix) const;
  /// The matrix as a right operand with points along the depth: [panels of columns][rows][panel].
  at::Tensor pack_columns(const at::Tensor& matrix) const;

  /// Start of the points from row `begin` (a multiple of kTileRows) of a cloud in these copies.
  const T* group_at(const at::Tensor& packed,
                    const Cloud& cloud,
                    int64_t begin,
                    int64_t depth) const {
    return packed.const_data_ptr<T>() + (cloud.first_group * kernels_.group + begin) * depth;
  }
  const T* panel_at(const at::Tensor& packed,
                    const Cloud& cloud,
                    int64_t begin,
                    int64_t depth) const {
    return packed.const_data_ptr<T>() + (cloud.first_panel * kernels_.panel + begin) * depth;
  }
  const T* column_at(const at::Tensor& packed, const Cloud& cloud, int64_t begin) const {
    return packed.const_data_ptr<T>() + (cloud.begin + begin) * kernels_.panel;
  }
  int64_t column_stride() const { return rows_ * kernels_.panel; }

 private:
  at::Tensor pack_points(const at::Tensor& matrix, int64_t unit, int64_t Cloud::*first) const;

  const Kernels<T>& kernels_;
  int64_t rows_ = 0;
  std::vector<Cloud> clouds_;
  std::vector<RowTile> tiles_;
};

/// What one thread needs beside the inputs and outputs.
template <typename T>
struct alignas(64) Scratch {
  T scores[kTileRows * kTileCols];
  T products[kTileRows * kTileCols];
  T lane_max[kTileRows * kMaxLanes];
  T lane_sum[kTileRows * kMaxLanes];
  T column[3][kTileCols];

  /// `values` as an array that may be read to the end of a panel.
  const T* padded(int slot, const T* values, int64_t count, int64_t panel) {
    if (count % panel == 0) return values;
    std::copy(values, values + count, column[slot]);
    std::fill(column[slot] + count, column[slot] + (count + panel - 1) / panel * panel, T(0));
    return column[slot];
  }
};

/// Runs work(task, scratch) for each task below `count`. A thread takes the next task when it is
/// free, so tasks begin in order and uneven clouds cost no idle threads; a task owns what it
/// writes, so the result does not depend on who runs it.
template <typename T, typename Work>
void for_each_task(int64_t count, const Work& work) {
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(count, at::get_num_threads()), 1, [&](int64_t, int64_t) {
    const auto scratch = std::make_unique_for_overwrite<Scratch<T>>();
    for (int64_t task = next++; task < count; task = next++) work(task, *scratch);
  });
}

/// Calls work(begin, cols) for each column tile of [begin, end).
template <typename Work>
void for_each_column_tile(int64_t begin, int64_t end, const Work& work) {
  for (int64_t c = begin; c < end; c += kTileCols) work(c, std::min(kTileCols, end - c));
}

}  // namespace pointattn::ops::tile
