// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/scene.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace pointattn::view {

const Coloring* Panel::find(const std::string& name) const {
  const auto found = std::find_if(
      colorings.begin(), colorings.end(), [&](const Coloring& c) { return c.name == name; });
  return found == colorings.end() ? nullptr : &*found;
}

const Coloring& Panel::coloring(const std::string& name) const {
  const Coloring* found = find(name);
  return found ? *found : colorings.front();
}

double Box::diagonal() const {
  return std::hypot(high[0] - low[0], high[1] - low[1], high[2] - low[2]);
}

Box bounds(const Panel& panel) {
  Box box;
  if (panel.points() == 0) return box;
  const auto [low, high] = panel.xyz.to(at::kDouble).aminmax(0);
  for (int64_t axis = 0; axis < 3; ++axis) {
    box.low[static_cast<size_t>(axis)] = low[axis].item<double>();
    box.high[static_cast<size_t>(axis)] = high[axis].item<double>();
  }
  return box;
}

Box bounds(const Scene& scene) {
  Box all;
  bool first = true;
  for (const Panel& panel : scene.panels) {
    if (panel.points() == 0) continue;
    const Box box = bounds(panel);
    for (size_t axis = 0; axis < 3; ++axis) {
      all.low[axis] = first ? box.low[axis] : std::min(all.low[axis], box.low[axis]);
      all.high[axis] = first ? box.high[axis] : std::max(all.high[axis], box.high[axis]);
    }
    first = false;
  }
  return all;
}

PointFacts facts(const Panel& panel, int64_t point) {
  PointFacts facts;
  facts.row = panel.rows[point].item<int64_t>();
  for (size_t axis = 0; axis < 3; ++axis) {
    facts.xyz[axis] =
        panel.origin[axis] + panel.xyz[point][static_cast<int64_t>(axis)].item<double>();
  }
  if (panel.confidence.defined()) facts.confidence = panel.confidence[point].item<float>();
  if (panel.label.defined()) {
    const int64_t id = panel.label[point].item<int64_t>();
    const auto part = panel.parts.find(id);
    facts.part = part == panel.parts.end() ? "label " + std::to_string(id) : part->second.name;
  }
  return facts;
}

std::string facts_line(const Panel& panel, int64_t point) {
  const PointFacts known = facts(panel, point);
  // As many decimals as the cloud's size gives a meaning to: a hundred-thousandth of it.
  const double size = std::max(bounds(panel).diagonal(), 1e-12);
  const int decimals = std::clamp(static_cast<int>(std::ceil(5 - std::log10(size))), 0, 12);
  std::string line = known.part;
  char text[160];
  if (known.confidence) {
    std::snprintf(text, sizeof text, "%s%.2f", line.empty() ? "" : "  ", *known.confidence);
    line += text;
  }
  std::snprintf(text,
                sizeof text,
                "%s(%.*f, %.*f, %.*f)  point %lld",
                line.empty() ? "" : "  ",
                decimals,
                known.xyz[0],
                decimals,
                known.xyz[1],
                decimals,
                known.xyz[2],
                static_cast<long long>(known.row));
  return line + text;
}

}  // namespace pointattn::view
