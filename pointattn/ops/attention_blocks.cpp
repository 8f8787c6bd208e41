// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention_blocks.h"

namespace pointattn::ops::tile {
namespace {

/// Blocks of a phase over all maps, or of one cloud that meets itself: enough for the threads of a
/// large machine.
constexpr int64_t kBlocksPerPhase = 64;

using Side = BlockSchedule::Side;

/// One side of a map as about `wanted` blocks.
std::vector<Side> divide(const Cloud& cloud, int64_t wanted, std::deque<std::atomic<int>>& visits) {
  std::vector<Side> blocks;
  if (cloud.count == 0) return blocks;
  const int64_t most = (cloud.count + kTileRows - 1) / kTileRows;
  wanted = std::clamp<int64_t>(wanted, 1, most);
  const int64_t rows = (most + wanted - 1) / wanted * kTileRows;
  for (int64_t begin = 0; begin < cloud.count; begin += rows) {
    const Span span{&cloud, begin, std::min(rows, cloud.count - begin)};
    blocks.push_back({span, &visits.emplace_back(0), 0});
  }
  return blocks;
}

/// The side for its next visit.
Side take(Side& side) {
  const Side taken = side;
  ++side.turn;
  return taken;
}

void wait_for_turn(const Side& side) {
  for (int seen = side.visits->load(std::memory_order_acquire); seen != side.turn;
       seen = side.visits->load(std::memory_order_acquire)) {
    side.visits->wait(seen, std::memory_order_acquire);
  }
}

void end_turn(const Side& side) {
  side.visits->store(side.turn + 1, std::memory_order_release);
  side.visits->notify_all();
}

}  // namespace

BlockSchedule::BlockSchedule(const std::vector<Cloud>& rows,
                             const std::vector<Cloud>& columns,
                             int64_t heads) {
  struct Map {
    std::vector<Side> rows, columns;
    int64_t head;

    size_t longer() const { return std::max(rows.size(), columns.size()); }
    size_t shorter() const { return std::min(rows.size(), columns.size()); }
  };
  const auto divide_one_of = [&](const std::vector<Cloud>& clouds, size_t cloud) {
    const int64_t rows_of_all_maps = heads * (clouds.back().begin + clouds.back().count);
    const int64_t share = kBlocksPerPhase * clouds[cloud].count;
    return divide(clouds[cloud], rows_of_all_maps == 0 ? 0 : share / rows_of_all_maps, visits_);
  };
  std::vector<Map> maps;
  size_t phases = 0;
  for (size_t b = 0; b < rows.size(); ++b) {
    for (int64_t head = 0; head < heads; ++head) {
      maps.push_back({divide_one_of(rows, b), divide_one_of(columns, b), head});
      phases = std::max(phases, maps.back().longer());
    }
  }
  for (size_t phase = 0; phase < phases; ++phase) {
    for (Map& map : maps) {
      if (phase >= map.longer()) continue;
      for (size_t s = 0; s < map.shorter(); ++s) {
        const size_t l = (s + phase) % map.longer();
        const bool wide = map.columns.size() == map.longer();
        blocks_.push_back(
            {take(map.rows[wide ? s : l]), take(map.columns[wide ? l : s]), map.head});
      }
    }
  }
}

BlockSchedule::BlockSchedule(const std::vector<Cloud>& clouds) {
  std::vector<std::vector<Side>> maps;
  size_t phases = 0;
  for (const Cloud& cloud : clouds) {
    maps.push_back(divide(cloud, kBlocksPerPhase, visits_));
    phases = std::max(phases, maps.back().size());
  }
  for (size_t phase = 0; phase < phases; ++phase) {
    for (std::vector<Side>& map : maps) {
      if (phase >= map.size()) continue;
      for (size_t i = 0; i < map.size(); ++i) {
        const size_t j = (phase + map.size() - i) % map.size();
        if (j < i) continue;
        const Side first = take(map[i]);
        blocks_.push_back({first, i == j ? first : take(map[j]), 0});
      }
    }
  }
}

const BlockSchedule::Block& BlockSchedule::begin(int64_t index) const {
  const Block& block = blocks_[index];
  wait_for_turn(block.rows);
  wait_for_turn(block.columns);
  return block;
}

void BlockSchedule::finish(const Block& block) const {
  end_turn(block.rows);
  if (block.columns.visits != block.rows.visits) end_turn(block.columns);
}

}  // namespace pointattn::ops::tile
