// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

namespace pointattn::view {

/// Calls body(i) for every i below `count`; a thread that is done takes the next one.
template <typename Body>
void parallel_each(int64_t count, const Body& body) {
  std::atomic<int64_t> next = 0;
  at::parallel_for(
      0, std::min<int64_t>(count, at::get_num_threads()), 1, [&](int64_t begin, int64_t end) {
        for (int64_t thread = begin; thread < end; ++thread) {
          for (int64_t i = next++; i < count; i = next++) body(i);
        }
      });
}

/// Things sorted by the bands of picture rows that they touch, so that each band can be drawn by
/// one thread without locks. Within a band they keep their order, whatever the number of threads.
class RowBands {
 public:
  static constexpr int64_t kRows = 16;

  /// rows(i) returns the first and last row that thing i touches, the last below the first for
  /// none; both are cut to 0 … height - 1 here.
  template <typename Rows>
  RowBands(int64_t things, int64_t height, const Rows& rows)
      : height_(height), bands_((height + kRows - 1) / kRows) {
    const int64_t chunks = std::clamp<int64_t>(things / 16384, 1, 64);
    const int64_t chunk_size = (things + chunks - 1) / chunks;
    // counts[chunk][band], then the place where the chunk's first entry of the band goes.
    std::vector<int64_t> counts(static_cast<size_t>(chunks * bands_), 0);
    const auto each = [&](int64_t chunk, const auto& visit) {
      const int64_t end = std::min(things, (chunk + 1) * chunk_size);
      for (int64_t i = chunk * chunk_size; i < end; ++i) {
        const auto [first, last] = rows(i);
        if (last < 0 || first >= height || last < first) continue;
        const int64_t from = std::max<int64_t>(first, 0) / kRows;
        const int64_t to = std::min<int64_t>(last, height - 1) / kRows;
        for (int64_t band = from; band <= to; ++band)
          visit(i, counts[static_cast<size_t>(chunk * bands_ + band)]);
      }
    };
    at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk)
        each(chunk, [](int64_t, int64_t& count) { ++count; });
    });
    begin_.resize(static_cast<size_t>(bands_) + 1);
    int64_t place = 0;
    for (int64_t band = 0; band < bands_; ++band) {
      begin_[static_cast<size_t>(band)] = place;
      for (int64_t chunk = 0; chunk < chunks; ++chunk)
        place += std::exchange(counts[static_cast<size_t>(chunk * bands_ + band)], place);
    }
    begin_.back() = place;
    things_.resize(static_cast<size_t>(place));
    at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        each(chunk, [&](int64_t i, int64_t& next) {
          things_[static_cast<size_t>(next++)] = static_cast<int32_t>(i);
        });
      }
    });
  }

  /// Calls draw(thing, first row, last row of the band) for everything, bands in parallel.
  template <typename Draw>
  void draw(const Draw& draw) const {
    parallel_each(bands_, [&](int64_t band) {
      const auto at = static_cast<size_t>(band);
      const int64_t last = std::min(height_, (band + 1) * kRows) - 1;
      for (int64_t i = begin_[at]; i < begin_[at + 1]; ++i)
        draw(things_[static_cast<size_t>(i)], band * kRows, last);
    });
  }

 private:
  int64_t height_;
  int64_t bands_;
  std::vector<int64_t> begin_;
  std::vector<int32_t> things_;
};

}  // namespace pointattn::view
