// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention_blocks.h"

namespace pointattn::ops::tile {
namespace {

/// Blocks of a phase over all maps: enough for the threads of a large machine.
constexpr int64_t kBlocksPerPhase = 64;

using Side = BlockSchedule::Side;

/// One side of a map as blocks whose number depends on the batch alone.
std::vector<Side> divide(const Cloud& cloud,
                         int64_t rows_of_all_maps,
                         std::deque<std::atomic<int>>& visits) {
  std::vector<Side> blocks;
  if (cloud.count == 0) return blocks;
  const int64_t most = (cloud.count + kTileRows - 1) / kTileRows;
  const int64_t wanted =
      std::clamp<int64_t>(kBlocksPerPhase * cloud.count / rows_of_all_maps, 1, most);
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
  const auto rows_of = [&](const std::vector<Cloud>& clouds) {
    return heads * (clouds.back().begin + clouds.back().count);
  };
  std::vector<Map> maps;
  size_t phases = 0;
  for (size_t b = 0; b < rows.size(); ++b) {
    for (int64_t head = 0; head < heads; ++head) {
      maps.push_back({divide(rows[b], rows_of(rows), visits_),
                      divide(columns[b], rows_of(columns), visits_),
                      head});
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

const BlockSchedule::Block& BlockSchedule::begin(int64_t index) const {
  const Block& block = blocks_[index];
  wait_for_turn(block.rows);
  wait_for_turn(block.columns);
  return block;
}

void BlockSchedule::finish(const Block& block) const {
  end_turn(block.rows);
  end_turn(block.columns);
}

}  // namespace pointattn::ops::tile
