// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pointattn::view {

/// Numbers along a ramp from `low` to `high`, both included, as texts with as many digits as
/// tell them apart; one when they are equal.
struct Tick {
  double at = 0;  ///< 0 … 1 along the ramp
  std::string text;
};
std::vector<Tick> ticks(double low, double high, int count);

/// "2,048"
std::string thousands(int64_t number);

/// "34.2 %"; "<0.1 %" where that would read 0.0 but is not.
std::string percent(double share);

}  // namespace pointattn::view
