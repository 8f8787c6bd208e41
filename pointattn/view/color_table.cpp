// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/color_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace pointattn::view {
namespace {

int level(size_t bin, int channel) { return static_cast<int>(bin >> (10 - 5 * channel) & 31U); }

}  // namespace

void ColorTable::count(const at::Tensor& image) {
  const at::Tensor pixels = image.contiguous();
  const uint8_t* rgba = pixels.const_data_ptr<uint8_t>();
  for (int64_t i = 0; i < pixels.numel(); i += 4) {
    Bin& bin = bins_[number(rgba + i)];
    ++bin.count;
    for (size_t c = 0; c < 3; ++c) bin.sum[c] += rgba[i + static_cast<int64_t>(c)];
  }
}

void ColorTable::choose(size_t most) {
  std::vector<size_t> used;
  size_t paper = 0;
  for (size_t bin = 0; bin < bins_.size(); ++bin) {
    if (bins_[bin].count > 0) used.push_back(bin);
    if (bins_[bin].count > bins_[paper].count) paper = bin;
  }
  std::erase(used, paper);
  std::vector<Box> boxes = {measured({paper})};
  if (!used.empty()) boxes.push_back(measured(std::move(used)));
  while (boxes.size() < most) {
    const auto widest = std::max_element(
        boxes.begin(), boxes.end(), [](const Box& a, const Box& b) { return a.worth < b.worth; });
    if (widest->worth <= 0) break;
    Box upper = cut(*widest);
    boxes.push_back(std::move(upper));
  }
  colors_.clear();
  for (const Box& box : boxes) colors_.push_back(mean(box.bins));
  fill_table();
}

/// The root keeps large plain areas from taking every colour.
double ColorTable::weight(size_t bin) const {
  return std::sqrt(static_cast<double>(bins_[bin].count));
}

ColorTable::Box ColorTable::measured(std::vector<size_t> bins) const {
  Box box{std::move(bins)};
  if (box.bins.size() == 1) return box;  // rounding could give a single bin a spread
  for (int channel = 0; channel < 3; ++channel) {
    double all = 0;
    double sum = 0;
    double squares = 0;
    for (const size_t bin : box.bins) {
      const double share = weight(bin);
      all += share;
      sum += share * level(bin, channel);
      squares += share * level(bin, channel) * level(bin, channel);
    }
    const double spread = squares - sum * sum / all;
    if (spread > box.worth) {
      box.worth = spread;
      box.channel = channel;
    }
  }
  return box;
}

ColorTable::Box ColorTable::cut(Box& box) const {
  std::vector<size_t> bins = std::move(box.bins);
  std::sort(bins.begin(), bins.end(), [&](size_t a, size_t b) {
    return std::pair(level(a, box.channel), a) < std::pair(level(b, box.channel), b);
  });
  double half = 0;
  for (const size_t bin : bins) half += weight(bin) / 2;
  double sum = weight(bins.front());
  size_t middle = 1;
  for (; middle + 1 < bins.size() && sum < half; ++middle) sum += weight(bins[middle]);
  Box upper = measured({bins.begin() + static_cast<int64_t>(middle), bins.end()});
  bins.resize(middle);
  box = measured(std::move(bins));
  return upper;
}

Color ColorTable::mean(const std::vector<size_t>& bins) const {
  Bin all;
  for (const size_t bin : bins) {
    all.count += bins_[bin].count;
    for (size_t c = 0; c < 3; ++c) all.sum[c] += bins_[bin].sum[c];
  }
  Color color{};
  for (size_t c = 0; c < 3; ++c) {
    const int64_t count = std::max<int64_t>(all.count, 1);
    color[c] = static_cast<uint8_t>((all.sum[c] + count / 2) / count);
  }
  return color;
}

void ColorTable::fill_table() {
  table_.assign(bins_.size(), 0);
  for (size_t bin = 0; bin < bins_.size(); ++bin) {
    Color here = mean({bin});
    if (bins_[bin].count == 0) {  // of a frame that was not counted
      for (int c = 0; c < 3; ++c)
        here[static_cast<size_t>(c)] = static_cast<uint8_t>(8 * level(bin, c) + 4);
    }
    int smallest = std::numeric_limits<int>::max();
    for (size_t i = 0; i < colors_.size(); ++i) {
      int distance = 0;
      for (size_t c = 0; c < 3; ++c)
        distance += (here[c] - colors_[i][c]) * (here[c] - colors_[i][c]);
      if (distance < smallest) {
        smallest = distance;
        table_[bin] = static_cast<uint8_t>(i);
      }
    }
  }
}

}  // namespace pointattn::view
