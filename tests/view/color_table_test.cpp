// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/color_table.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace pointattn::view {
namespace {

/// An image of one column with these colours.
at::Tensor image_of(const std::vector<Color>& colors) {
  at::Tensor image = at::full({static_cast<int64_t>(colors.size()), 1, 4}, 255, at::kByte);
  uint8_t* out = image.mutable_data_ptr<uint8_t>();
  for (const Color& color : colors) {
    std::copy(color.begin(), color.end(), out);
    out += 4;
  }
  return image;
}

TEST(ColorTable, FewColoursAreKept) {
  const std::vector<Color> colors = {{255, 255, 255}, {88, 51, 191}, {146, 43, 18}, {88, 51, 191}};
  for (const size_t count : {1, 2, 4}) {
    const std::vector<Color> some(colors.begin(), colors.begin() + static_cast<int64_t>(count));
    ColorTable table;
    table.count(image_of(some));
    table.choose(255);
    EXPECT_EQ(table.colors().size(), std::min<size_t>(count, 3));
    for (const Color& color : some) EXPECT_EQ(table.colors()[table.nearest(color.data())], color);
  }
}

TEST(ColorTable, ManyColoursAreNotFarFromTheirOwn) {
  at::manual_seed(3);
  const at::Tensor image = at::randint(0, 256, {4000, 1, 4}, at::kByte);
  ColorTable table;
  table.count(image);
  table.choose(64);
  EXPECT_EQ(table.colors().size(), 64U);
  const uint8_t* rgba = image.const_data_ptr<uint8_t>();
  double off = 0;
  for (int64_t i = 0; i < 4000; ++i) {
    const Color& color = table.colors()[table.nearest(rgba + 4 * i)];
    for (size_t c = 0; c < 3; ++c)
      off += std::abs(rgba[4 * i + static_cast<int64_t>(c)] - color[c]);
  }
  // 64 boxes, four a channel, are 64 wide: 16 off on average, 22 with boxes of uneven shape.
  EXPECT_LT(off / 12000, 22);
}

}  // namespace
}  // namespace pointattn::view
