// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/morton_order.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pointattn::ops {
namespace {

constexpr int kAxisBits = 10;

/// The low ten bits, two zeros after each.
uint32_t spread(uint32_t x) {
  x = (x | x << 16) & 0x030000FF;
  x = (x | x << 8) & 0x0300F00F;
  x = (x | x << 4) & 0x030C30C3;
  x = (x | x << 2) & 0x09249249;
  return x;
}

struct Item {
  uint32_t cell;
  int32_t row;
};

template <typename T>
std::vector<Item> cells(const T* points, int64_t n) {
  T low[3], high[3];
  for (int axis = 0; axis < 3; ++axis) low[axis] = high[axis] = points[axis];
  for (int64_t i = 0; i < n; ++i) {
    for (int axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], points[3 * i + axis]);
      high[axis] = std::max(high[axis], points[3 * i + axis]);
    }
  }
  std::array<T, 3> scale;
  constexpr T kLast = (1 << kAxisBits) - 1;
  for (size_t axis = 0; axis < 3; ++axis) {
    const T width = high[axis] - low[axis];  // may overflow: then all lie in one cell
    scale[axis] = width > 0 ? kLast / width : T(0);
  }
  std::vector<Item> items(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    uint32_t cell = 0;
    for (int axis = 0; axis < 3; ++axis) {
      const T place = (points[3 * i + axis] - low[axis]) * scale[static_cast<size_t>(axis)];
      // Not so for NaN, of infinite width times zero.
      const T inside = place > 0 ? std::min(place, kLast) : T(0);
      cell |= spread(static_cast<uint32_t>(inside)) << axis;
    }
    items[static_cast<size_t>(i)] = {cell, static_cast<int32_t>(i)};
  }
  return items;
}

}  // namespace

template <typename T>
std::vector<int32_t> morton_order(const T* points, int64_t n) {
  std::vector<int32_t> rows(static_cast<size_t>(n));
  if (n == 0) return rows;
  std::vector<Item> items = cells(points, n);
  std::vector<Item> sorted(items.size());
  for (int shift = 0; shift < 3 * kAxisBits; shift += kAxisBits) {  // a radix sort
    constexpr uint32_t kDigits = 1 << kAxisBits;
    std::array<int64_t, kDigits> next{};
    for (const Item& item : items) ++next[item.cell >> shift & (kDigits - 1)];
    int64_t sum = 0;
    for (int64_t& place : next) sum += std::exchange(place, sum);
    for (const Item& item : items)
      sorted[static_cast<size_t>(next[item.cell >> shift & (kDigits - 1)]++)] = item;
    items.swap(sorted);
  }
  for (size_t i = 0; i < items.size(); ++i) rows[i] = items[i].row;
  return rows;
}

template std::vector<int32_t> morton_order(const float*, int64_t);
template std::vector<int32_t> morton_order(const double*, int64_t);

}  // namespace pointattn::ops
