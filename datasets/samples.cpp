// SPDX-License-Identifier: Apache-2.0
#include "datasets/samples.h"

#include "datasets/procedural.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <tuple>

namespace pointattn::datasets {
namespace {

struct Scan {
  const char* category;
  uint64_t index;  ///< picked by eye: a plain example that shows the parts
  double height;   ///< metres
};

constexpr uint64_t kSeed = 2026;
constexpr Scan kScans[] = {{"airplane", 4, 4.2},
                           {"chair", 3, 0.9},
                           {"guitar", 0, 1.0},
                           {"lamp", 0, 1.5},
                           {"mug", 3, 0.1},
                           {"table", 1, 0.45}};

}  // namespace

const std::vector<std::string>& sample_categories() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const Scan& scan : kScans) list.emplace_back(scan.category);
    return list;
  }();
  return names;
}

at::Tensor sample_scan(const std::string& category) {
  const Scan* scan = std::find_if(
      std::begin(kScans), std::end(kScans), [&](const Scan& s) { return category == s.category; });
  TORCH_CHECK_VALUE(scan != std::end(kScans),
                    "samples: expected one of ",
                    sample_categories(),
                    ", got '",
                    category,
                    "'");
  const at::Tensor xyz =
      make_shape(procedural_labels().category_id(category), scan->index, kSeed, 2048, 0.002)
          .xyz.to(at::kDouble);
  const at::Tensor low = std::get<0>(xyz.min(0));
  const at::Tensor high = std::get<0>(xyz.max(0));
  const double scale = scan->height / (high - low)[1].item<double>();
  return ((xyz - low) * scale + at::tensor({0.5, 0.0, 0.25}, at::kDouble)).to(at::kFloat);
}

}  // namespace pointattn::datasets
