// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace pointattn::view {

/// The few colours that stand for those of some images: median cut (Heckbert 1982) of a histogram
/// with 5 bits a channel.
class ColorTable {
 public:
  /// Counts the colours of an image uint8 [H,W,4]; alpha is ignored.
  void count(const at::Tensor& image);
  /// Chooses up to `most` colours; afterwards colors() and nearest() can be used. The most frequent
  /// colour is kept exactly.
  void choose(size_t most);

  const std::vector<Color>& colors() const { return colors_; }
  uint8_t nearest(const uint8_t* rgb) const { return table_[bin(rgb)]; }

 private:
  struct Bin {
    int64_t count = 0;
    std::array<int64_t, 3> sum{};  ///< of the channels
  };
  static size_t bin(const uint8_t* rgb) {
    return static_cast<size_t>(rgb[0] >> 3) << 10 | static_cast<size_t>(rgb[1] >> 3) << 5 |
           static_cast<size_t>(rgb[2] >> 3);
  }

  std::vector<Bin> bins_ = std::vector<Bin>(size_t{1} << 15);
  std::vector<Color> colors_;
  std::vector<uint8_t> table_;  ///< the nearest colour of each bin
};

}  // namespace pointattn::view
