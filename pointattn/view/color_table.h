// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace pointattn::view {

/// The few colours that stand for those of some images: median cut (Heckbert 1982) of a histogram
/// with 5 bits a channel, in which the most frequent colour, the paper, keeps an entry of its own.
class ColorTable {
 public:
  /// Counts the colours of an image uint8 [H,W,4]; alpha is ignored.
  void count(const at::Tensor& image);
  /// Chooses up to `most` colours, at least 2; afterwards colors() and nearest() can be used.
  void choose(size_t most);

  const std::vector<Color>& colors() const { return colors_; }
  uint8_t nearest(const uint8_t* rgb) const { return table_[number(rgb)]; }

 private:
  struct Bin {
    int64_t count = 0;
    std::array<int64_t, 3> sum{};  ///< of the channels
  };
  /// Bins that share a colour, by their numbers.
  struct Box {
    std::vector<size_t> bins;
    double worth = 0;  ///< squared spread along `channel`: what cutting it gains
    int channel = 0;
  };

  static size_t number(const uint8_t* rgb) {
    return static_cast<size_t>(rgb[0] >> 3) << 10 | static_cast<size_t>(rgb[1] >> 3) << 5 |
           static_cast<size_t>(rgb[2] >> 3);
  }
  double weight(size_t bin) const;
  Box measured(std::vector<size_t> bins) const;
  /// Cuts a box of at least two bins at its median; returns the upper part.
  Box cut(Box& box) const;
  Color mean(const std::vector<size_t>& bins) const;
  void fill_table();

  std::vector<Bin> bins_ = std::vector<Bin>(size_t{1} << 15);
  std::vector<Color> colors_;
  std::vector<uint8_t> table_;  ///< the nearest colour of each bin
};

}  // namespace pointattn::view
