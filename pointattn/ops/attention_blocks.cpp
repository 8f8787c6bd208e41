// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention_blocks.h"

namespace pointattn::ops::tile {
namespace {

/// Blocks of a phase over all clouds: enough for the threads of a large machine.
constexpr int64_t kBlocksPerPhase = 64;

/// Side of the blocks of a cloud: a multiple of kTileRows that depends on the batch alone.
int64_t block_side(const Cloud& cloud, int64_t rows) {
  const int64_t most = (cloud.count + kTileRows - 1) / kTileRows;
  const int64_t blocks = std::clamp<int64_t>(kBlocksPerPhase * cloud.count / rows, 1, most);
  return (most + blocks - 1) / blocks * kTileRows;
}

void wait_for(const std::atomic<int>& done, int phase) {
  for (int seen = done.load(std::memory_order_acquire); seen != phase;
       seen = done.load(std::memory_order_acquire)) {
    done.wait(seen, std::memory_order_acquire);
  }
}

void advance(std::atomic<int>& done, int phase) {
  done.store(phase + 1, std::memory_order_release);
  done.notify_all();
}

}  // namespace

BlockSchedule::BlockSchedule(const std::vector<Cloud>& clouds, int64_t rows) {
  struct Side {
    const Cloud* cloud;
    int64_t side, blocks;
    size_t first;  // of 2 * blocks counters: those of rows, then those of columns
  };
  std::vector<Side> sides;
  int64_t phases = 0;
  for (const Cloud& cloud : clouds) {
    const int64_t side = block_side(cloud, rows);
    const int64_t blocks = (cloud.count + side - 1) / side;
    sides.push_back({&cloud, side, blocks, done_.size()});
    for (int64_t b = 0; b < 2 * blocks; ++b) done_.emplace_back(0);
    phases = std::max(phases, blocks);
  }
  for (int64_t phase = 0; phase < phases; ++phase) {
    for (const auto& [cloud, side, blocks, first] : sides) {
      for (int64_t row = 0; phase < blocks && row < blocks; ++row) {
        const int64_t column = (row + phase) % blocks;
        blocks_.push_back({cloud,
                           row * side,
                           std::min((row + 1) * side, cloud->count),
                           column * side,
                           std::min((column + 1) * side, cloud->count),
                           static_cast<int>(phase),
                           &done_[first + row],
                           &done_[first + blocks + column]});
      }
    }
  }
}

const BlockSchedule::Block& BlockSchedule::begin(int64_t index) const {
  const Block& block = blocks_[index];
  wait_for(*block.rows_done, block.phase);
  wait_for(*block.columns_done, block.phase);
  return block;
}

void BlockSchedule::finish(const Block& block) const {
  advance(*block.rows_done, block.phase);
  advance(*block.columns_done, block.phase);
}

}  // namespace pointattn::ops::tile
