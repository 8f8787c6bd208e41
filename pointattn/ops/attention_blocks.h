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

  /// Every pair of blocks of a cloud once, a block with itself among them; both sides belong to one
  /// sum. In phase p of S blocks, I and J meet where I + J = p mod S: each of them once. How a cloud
  /// is divided depends on nothing but its size.
  explicit BlockSchedule(const std::vector<Cloud>& clouds);

  int64_t count() const { return static_cast<int64_t>(blocks_.size()); }

  /// Waits until a block may be visited. Blocks must be begun in order; then one whose turn has
  /// come is always among those begun, and nobody waits for ever.
  const Block& begin(int64_t index) const;
  void finish(const Block& block) const;

 private:
  std::vector<Block> blocks_;
  std::deque<std::atomic<int>> visits_;
};

/// work(block, scratch) for every block, in its turn.
template <typename T, typename Work>
void visit_blocks(const BlockSchedule& schedule, const Work& work) {
  for_each_task<T>(schedule.count(), [&](int64_t index, Scratch<T>& scratch) {
    const auto& block = schedule.begin(index);
    work(block, scratch);
    schedule.finish(block);
  });
}

/// Calls work(rows) for each piece of a span, `rows` rows each.
template <typename Work>
void for_each_piece(const Span& span, int64_t rows, const Work& work) {
  for (int64_t r = 0; r < span.count; r += rows) {
    work(Span{span.cloud, span.begin + r, std::min(rows, span.count - r)});
  }
}

/// Visits the blocks of two layouts: work(rows, columns, head, scratch) for each row tile of a block
/// and all of its columns.
template <typename T, typename Work>
void for_each_block(const Layout<T>& rows,
                    const Layout<T>& columns,
                    int64_t heads,
                    const Work& work) {
  visit_blocks<T>(BlockSchedule(rows.clouds(), columns.clouds(), heads),
                  [&](const BlockSchedule::Block& block, Scratch<T>& scratch) {
                    for_each_piece(block.rows.span, kTileRows, [&](const Span& tile) {
                      work(tile, block.columns.span, block.head, scratch);
                    });
                  });
}

/// Visits the pairs of points of each cloud of a layout: work(rows, columns, mirrored, scratch) for
/// each row tile and some columns. Where `mirrored`, nobody else visits (columns, rows); otherwise
/// the columns are the rows.
template <typename T, typename Work>
void for_each_pair(const Layout<T>& layout, const Work& work) {
  visit_blocks<T>(BlockSchedule(layout.clouds()),
                  [&](const BlockSchedule::Block& block, Scratch<T>& scratch) {
                    const Span& columns = block.columns.span;
                    if (block.rows.span.begin != columns.begin) {
                      for_each_piece(block.rows.span, kTileRows, [&](const Span& rows) {
                        work(rows, columns, /*mirrored=*/true, scratch);
                      });
                      return;
                    }
                    // A square on the diagonal is visited both ways: small ones waste less.
                    for_each_piece(columns, kDiagonalRows, [&](const Span& rows) {
                      work(rows, rows, /*mirrored=*/false, scratch);
                      const int64_t end = rows.begin + rows.count;
                      const int64_t rest = columns.begin + columns.count - end;
                      if (rest > 0)
                        work(rows, Span{rows.cloud, end, rest}, /*mirrored=*/true, scratch);
                    });
                  });
}

}  // namespace pointattn::ops::tile
