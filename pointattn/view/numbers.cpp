// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/numbers.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace pointattn::view {
namespace {

std::string formatted(double value, double step) {
  char text[64];
  const double size = std::max(std::abs(value), step);
  if (size >= 1e9 || step < 1e-6) {
    std::snprintf(text, sizeof text, "%.4g", value);
  } else {
    const int decimals = std::clamp(static_cast<int>(std::ceil(1 - std::log10(step))), 0, 8);
    const double scale = std::pow(10.0, decimals);
    const bool zero = std::round(value * scale) == 0;  // -0.001 must not become -0.00
    std::snprintf(text, sizeof text, "%.*f", decimals, zero ? 0.0 : value);
  }
  return text;
}

}  // namespace

std::vector<Tick> ticks(double low, double high, int count) {
  if (!(high > low)) return {{0, formatted(low, std::max(std::abs(low) / 100, 1e-6))}};
  std::vector<Tick> all;
  const double step = (high - low) / (count - 1);
  for (int i = 0; i < count; ++i) {
    const double value = i + 1 == count ? high : low + step * i;
    all.push_back({static_cast<double>(i) / (count - 1), formatted(value, step)});
  }
  return all;
}

std::string thousands(int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<int64_t>(text.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3)
    text.insert(static_cast<size_t>(at), 1, ',');
  return text;
}

std::string percent(double share) {
  if (share > 0 && share < 0.0005) return "<0.1 %";
  char text[16];
  std::snprintf(text, sizeof text, "%.1f %%", share * 100);
  return text;
}

}  // namespace pointattn::view
