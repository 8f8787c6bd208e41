// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/attention_layout.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

namespace pointattn::ops::tile {

/// The order in which the blocks (I, J) of every map (one a cloud and head) are visited when a
/// visit adds to rows I of one sum and to rows J of another. In phase p of a map of S x L blocks,
/// S <= L, each block of the short side meets block I + p mod L of the long one. So each is touched
/// at most once a phase, and as a visit waits for the one before it on either side, every sum has a
/// fixed order, whatever the number of threads.
class BlockSchedule {
 public:
  struct Side {
    Span span;
    std::atomic<int>* visits;  ///< so far
    int turn;                  ///< how many visits come before this one
  };
  struct Block {
    Side rows, columns;
    int64_t head;
  };

  /// Cloud b of `rows` meets cloud b of `columns`; where either is empty there is no block.
  BlockSchedule(const std::vector<Cloud>& rows, const std::vector<Cloud>& columns, int64_t heads);

  int64_t count() const { return static_cast<int64_t>(blocks_.size()); }

  /// Waits until a block may be visited. Blocks must be begun in order; then one whose turn has
  /// come is always among those begun, and nobody waits for ever.
  const Block& begin(int64_t index) const;
  void finish(const Block& block) const;

 private:
  std::vector<Block> blocks_;
  std::deque<std::atomic<int>> visits_;
};

/// Visits the blocks of two layouts: work(rows, columns, head, scratch) for each row tile of a block
/// and all of its columns.
template <typename T, typename Work>
void for_each_block(const Layout<T>& rows,
                    const Layout<T>& columns,
                    int64_t heads,
                    const Work& work) {
  const BlockSchedule schedule(rows.clouds(), columns.clouds(), heads);
  for_each_task<T>(schedule.count(), [&](int64_t index, Scratch<T>& scratch) {
    const auto& block = schedule.begin(index);
    const Span& span = block.rows.span;
    for (int64_t r = 0; r < span.count; r += kTileRows) {
      const Span tile{span.cloud, span.begin + r, std::min(kTileRows, span.count - r)};
      work(tile, block.columns.span, block.head, scratch);
    }
    schedule.finish(block);
  });
}

}  // namespace pointattn::ops::tile
