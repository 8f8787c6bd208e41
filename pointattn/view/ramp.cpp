// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/scene.h"

#include <algorithm>
#include <cmath>

namespace pointattn::view {
namespace {

constexpr Color kNoNumber = {160, 160, 160};
constexpr std::array<Color, 10> kViridis = {{{68, 1, 84},
                                             {72, 40, 120},
                                             {62, 73, 137},
                                             {49, 104, 142},
                                             {38, 130, 142},
                                             {31, 158, 137},
                                             {53, 183, 121},
                                             {110, 206, 88},
                                             {181, 222, 43},
                                             {253, 231, 37}}};

}  // namespace

Color ramp_color(double t) {
  if (!std::isfinite(t)) return kNoNumber;
  const double at = std::clamp(t, 0.0, 1.0) * (kViridis.size() - 1);
  const size_t below = std::min(static_cast<size_t>(at), kViridis.size() - 2);
  const double part = at - static_cast<double>(below);
  Color color{};
  for (size_t c = 0; c < 3; ++c) {
    color[c] = static_cast<uint8_t>(
        std::lround(kViridis[below][c] * (1 - part) + kViridis[below + 1][c] * part));
  }
  return color;
}

}  // namespace pointattn::view
