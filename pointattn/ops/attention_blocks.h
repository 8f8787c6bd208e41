// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/attention_layout.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

namespace pointattn::ops::tile {

/// The order in which the blocks (I, J) of every cloud's map are visited when a visit adds to rows
/// I of one sum and to rows J of another. A cloud of S x S blocks takes S phases; in phase p block
/// row I meets J = I + p mod S. So each row of either sum is touched once a phase, and as a visit
/// waits for those of the phase before, every sum has a fixed order, whatever the number of
/// threads.
class BlockSchedule {
 public:
  struct Block {
    const Cloud* cloud;
    int64_t row, row_end;        ///< I, within the cloud; begins at a multiple of kTileRows
    int64_t column, column_end;  ///< J
    int phase;
    std::atomic<int>* rows_done;  ///< phases that have added to I, and to J
    std::atomic<int>* columns_done;
  };

  BlockSchedule(const std::vector<Cloud>& clouds, int64_t rows);

  int64_t count() const { return static_cast<int64_t>(blocks_.size()); }

  /// Waits until a block may be visited. Blocks must be begun in order; then one whose turn has
  /// come is always among those begun, and nobody waits for ever.
  const Block& begin(int64_t index) const;
  void finish(const Block& block) const;

 private:
  std::vector<Block> blocks_;
  std::deque<std::atomic<int>> done_;
};

}  // namespace pointattn::ops::tile
