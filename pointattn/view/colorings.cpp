// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/colorings.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>

namespace pointattn::view {
namespace {

constexpr int64_t kMostEntries = 1024;
constexpr int64_t kGrain = 1 << 16;
constexpr Color kRight = {196, 200, 206};
constexpr Color kWrong = {214, 32, 32};

/// Colours from a table of entries, and the share of each.
Coloring from_entries(const std::string& name, Legend legend, const at::Tensor& entry) {
  Coloring coloring{name, {}, entry.to(at::kInt).contiguous(), std::move(legend)};
  const auto rows = static_cast<int64_t>(coloring.legend.entries.size());
  at::Tensor table = at::empty({rows, 3}, at::kByte);
  const at::Tensor counts = entry.bincount({}, rows);
  const int64_t* count = counts.const_data_ptr<int64_t>();
  uint8_t* color = table.mutable_data_ptr<uint8_t>();
  for (int64_t row = 0; row < rows; ++row) {
    LegendEntry& line = coloring.legend.entries[static_cast<size_t>(row)];
    color = std::copy(line.color.begin(), line.color.end(), color);
    line.share = static_cast<double>(count[row]) / static_cast<double>(entry.numel());
  }
  coloring.rgb = table.index_select(0, entry);
  return coloring;
}

}  // namespace

Coloring color_by_id(const std::string& name,
                     const std::string& title,
                     const at::Tensor& ids,
                     const std::map<int64_t, Part>& parts) {
  if (ids.numel() == 0) return {name, at::empty({0, 3}, at::kByte), {}, {title, {}, {}}};
  const auto [unique, inverse] = at::_unique(ids, true, true);
  if (unique.numel() > kMostEntries) return color_by_number(name, ids);
  Legend legend{title, {}, {}};
  for (int64_t i = 0; i < unique.numel(); ++i) {
    const int64_t id = unique.const_data_ptr<int64_t>()[i];
    const auto part = parts.find(id);
    const bool known = part != parts.end();
    legend.entries.push_back({known ? part->second.name : "label " + std::to_string(id),
                              known ? part->second.color : part_color(id),
                              0,
                              id});
  }
  return from_entries(name, std::move(legend), inverse);
}

Coloring color_by_number(const std::string& name, const at::Tensor& numbers) {
  const at::Tensor wide = numbers.to(at::kDouble);
  const at::Tensor finite = wide.masked_select(wide.isfinite());
  Ramp ramp{0, 0};
  if (finite.numel() > 0) ramp = {finite.min().item<double>(), finite.max().item<double>()};
  return color_by_number(name, wide, ramp);
}

Coloring color_by_number(const std::string& name, const at::Tensor& numbers, Ramp ramp) {
  const at::Tensor wide = numbers.to(at::kDouble).contiguous();
  at::Tensor rgb = at::empty({wide.numel(), 3}, at::kByte);
  const double* value = wide.const_data_ptr<double>();
  uint8_t* out = rgb.mutable_data_ptr<uint8_t>();
  // One value everywhere is the low end: nothing varies.
  const double scale = ramp.high > ramp.low ? 1 / (ramp.high - ramp.low) : 0;
  at::parallel_for(0, wide.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Color color = ramp_color((value[i] - ramp.low) * scale);
      std::copy(color.begin(), color.end(), out + 3 * i);
    }
  });
  if (wide.numel() == 0) return {name, rgb, {}, {}};
  return {name, rgb, {}, {name, {}, ramp}};
}

Coloring color_wrong(const at::Tensor& wrong) {
  Legend legend{"compared", {{"right", kRight}, {"wrong", kWrong}}, {}};
  if (wrong.numel() == 0) return {"wrong", at::empty({0, 3}, at::kByte), {}, {"compared", {}, {}}};
  return from_entries("wrong", std::move(legend), wrong.to(at::kLong));
}

}  // namespace pointattn::view
