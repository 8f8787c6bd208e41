// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/color_table.h"

#include <algorithm>
#include <limits>

namespace pointattn::view {
namespace {

/// A box of used bins, by their numbers, and how much it would gain from being cut.
struct Cut {
  std::vector<size_t> bins;
  double worth = 0;  ///< squared spread along `channel`, over all pixels
  int channel = 0;
};

int level(size_t bin, int channel) { return static_cast<int>(bin >> (10 - 5 * channel) & 31U); }

}  // namespace

void ColorTable::count(const at::Tensor& image) {
  const at::Tensor pixels = image.contiguous();
  const uint8_t* rgba = pixels.const_data_ptr<uint8_t>();
  for (int64_t i = 0; i < pixels.numel(); i += 4) {
    Bin& bin = bins_[this->bin(rgba + i)];
    ++bin.count;
    for (size_t c = 0; c < 3; ++c) bin.sum[c] += rgba[i + static_cast<int64_t>(c)];
  }
}

void ColorTable::choose(size_t most) {
  const auto measured = [&](std::vector<size_t> bins) {
    Cut cut{std::move(bins)};
    if (cut.bins.size() == 1) return cut;  // rounding could give one bin a spread
    for (int channel = 0; channel < 3; ++channel) {
      double weight = 0;
      double sum = 0;
      double squares = 0;
      for (const size_t bin : cut.bins) {
        // The root keeps a large plain ground from taking every colour.
        const double count = std::sqrt(static_cast<double>(bins_[bin].count));
        weight += count;
        sum += count * level(bin, channel);
        squares += count * level(bin, channel) * level(bin, channel);
      }
      const double spread = squares - sum * sum / std::max(weight, 1.0);
      if (spread > cut.worth) {
        cut.worth = spread;
        cut.channel = channel;
      }
    }
    return cut;
  };
  std::vector<size_t> used;
  for (size_t bin = 0; bin < bins_.size(); ++bin)
    if (bins_[bin].count > 0) used.push_back(bin);
  std::vector<Cut> cuts;
  // The paper is a colour of its own.
  const auto frequent = std::max_element(used.begin(), used.end(), [&](size_t a, size_t b) {
    return bins_[a].count < bins_[b].count;
  });
  if (frequent != used.end()) {
    cuts.push_back(measured({*frequent}));
    used.erase(frequent);
  }
  if (!used.empty() && most > 1) cuts.push_back(measured(std::move(used)));
  while (cuts.size() < most) {
    const auto widest = std::max_element(
        cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) { return a.worth < b.worth; });
    if (widest == cuts.end() || widest->worth <= 0) break;
    std::vector<size_t> bins = std::move(widest->bins);
    const int channel = widest->channel;
    std::sort(bins.begin(), bins.end(), [&](size_t a, size_t b) {
      return std::pair(level(a, channel), a) < std::pair(level(b, channel), b);
    });
    double half = 0;
    for (const size_t bin : bins) half += std::sqrt(static_cast<double>(bins_[bin].count)) / 2;
    size_t middle = 0;
    for (double sum = 0; middle + 1 < bins.size() && sum < half; ++middle)
      sum += std::sqrt(static_cast<double>(bins_[bins[middle]].count));
    middle = std::max<size_t>(middle, 1);
    Cut upper = measured({bins.begin() + static_cast<int64_t>(middle), bins.end()});
    bins.resize(middle);
    *widest = measured(std::move(bins));
    cuts.push_back(std::move(upper));
  }
  colors_.clear();
  for (const Cut& cut : cuts) {
    Bin all;
    for (const size_t bin : cut.bins) {
      all.count += bins_[bin].count;
      for (size_t c = 0; c < 3; ++c) all.sum[c] += bins_[bin].sum[c];
    }
    Color color{};
    for (size_t c = 0; c < 3; ++c)
      color[c] = static_cast<uint8_t>((all.sum[c] + all.count / 2) / all.count);
    colors_.push_back(color);
  }
  table_.assign(bins_.size(), 0);
  for (size_t bin = 0; bin < bins_.size(); ++bin) {
    int64_t smallest = std::numeric_limits<int64_t>::max();
    for (size_t i = 0; i < colors_.size(); ++i) {
      int64_t distance = 0;
      for (int c = 0; c < 3; ++c) {
        const int64_t value = bins_[bin].count > 0
                                  ? bins_[bin].sum[static_cast<size_t>(c)] / bins_[bin].count
                                  : 8 * level(bin, c) + 4;
        const int64_t off = value - colors_[i][static_cast<size_t>(c)];
        distance += off * off;
      }
      if (distance < smallest) {
        smallest = distance;
        table_[bin] = static_cast<uint8_t>(i);
      }
    }
  }
}

}  // namespace pointattn::view
