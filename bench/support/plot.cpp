// SPDX-License-Identifier: Apache-2.0
#include "bench/support/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <stdexcept>

namespace pointattn::bench {
namespace {

constexpr double kLeft = 60, kTop = 40, kWidth = 330, kHeight = 260, kNames = 90, kBelow = 50;
constexpr double kPanelWidth = kLeft + kWidth + kNames, kPanelHeight = kTop + kHeight + kBelow;

using Colors = std::map<std::string, std::string>;

/// Powers of ten around the values, which may reach a little beyond.
struct Axis {
  int low = 1000;
  int high = -1000;

  void include(double value) {
    low = std::min(low, static_cast<int>(std::floor(std::log10(value) + 0.1)));
    high = std::max(high, static_cast<int>(std::ceil(std::log10(value) - 0.1)));
  }
  double place(double value, double length) const {
    return length * (std::log10(value) - low) / std::max(1, high - low);
  }
};

void text(std::ostream& out, double x, double y, const char* anchor, const std::string& what) {
  out << "<text x='" << x << "' y='" << y << "' text-anchor='" << anchor << "'>" << what
      << "</text>\n";
}

void line(std::ostream& out, double x1, double y1, double x2, double y2) {
  out << "<path d='M" << x1 << ' ' << y1 << 'L' << x2 << ' ' << y2 << "' stroke='#ddd'/>\n";
}

/// In the order in which names come.
Colors colors_of(const std::vector<Panel>& panels) {
  constexpr std::array<const char*, 7> kColors{
      "#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#7f7f7f"};
  Colors colors;
  for (const Panel& panel : panels) {
    for (const Curve& curve : panel.curves)
      colors.try_emplace(curve.name, kColors[colors.size() % kColors.size()]);
  }
  return colors;
}

void draw_axes(std::ostream& out, const Panel& panel, const Axis& x_axis, const Axis& y_axis) {
  text(out, kLeft + kWidth / 2, 20, "middle", panel.title);
  text(out, kLeft + kWidth / 2, kTop + kHeight + 38, "middle", panel.x_name);
  text(out, kLeft - 10, kTop - 12, "end", panel.y_name);
  for (int power = x_axis.low; power <= x_axis.high; ++power) {
    const double x = kLeft + x_axis.place(std::pow(10.0, power), kWidth);
    line(out, x, kTop, x, kTop + kHeight);
    text(out, x, kTop + kHeight + 18, "middle", "10^" + std::to_string(power));
  }
  for (int power = y_axis.low; power <= y_axis.high; ++power) {
    const double y = kTop + kHeight - y_axis.place(std::pow(10.0, power), kHeight);
    line(out, kLeft, y, kLeft + kWidth, y);
    text(out, kLeft - 8, y + 4, "end", "10^" + std::to_string(power));
  }
}

/// Names behind the ends of their curves, from the top, moved down where one would hide another.
void draw_names(std::ostream& out,
                std::vector<std::pair<std::pair<double, double>, std::string>> ends,
                const Colors& colors) {
  constexpr double kLine = 12;
  std::sort(ends.begin(), ends.end(), [](const auto& a, const auto& b) {
    return a.first.second < b.first.second;
  });
  double free = -std::numeric_limits<double>::infinity();
  for (const auto& [end, name] : ends) {
    const double y = std::max(end.second + 4, free);
    free = y + kLine;
    out << "<g fill='" << colors.at(name) << "'>";
    text(out, end.first + 6, y, "start", name);
    out << "</g>\n";
  }
}

void draw(std::ostream& out, const Panel& panel, const Colors& colors) {
  Axis x_axis, y_axis;
  for (const Curve& curve : panel.curves) {
    for (const auto& [x, y] : curve.points) {
      x_axis.include(x);
      y_axis.include(y);
    }
  }
  draw_axes(out, panel, x_axis, y_axis);
  std::vector<std::pair<std::pair<double, double>, std::string>> ends;
  for (const Curve& curve : panel.curves) {
    if (curve.points.empty()) continue;
    out << "<polyline fill='none' stroke-width='2' stroke='" << colors.at(curve.name)
        << "' points='";
    std::pair<double, double> end;
    for (const auto& [x, y] : curve.points) {
      end = {kLeft + x_axis.place(x, kWidth), kTop + kHeight - y_axis.place(y, kHeight)};
      out << end.first << ',' << end.second << ' ';
    }
    out << "'/>\n";
    ends.emplace_back(end, curve.name);
  }
  draw_names(out, ends, colors);
}

}  // namespace

void plot_log_log(const std::filesystem::path& path, const std::vector<Panel>& panels) {
  constexpr size_t kColumns = 2;
  const Colors colors = colors_of(panels);
  const size_t rows = (panels.size() + kColumns - 1) / kColumns;
  std::ofstream out(path);
  out.precision(4);
  out << "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 " << kColumns * kPanelWidth << ' '
      << static_cast<double>(rows) * kPanelHeight << "' font-family='sans-serif' font-size='12'>\n"
      << "<rect width='100%' height='100%' fill='white'/>\n";
  for (size_t i = 0; i < panels.size(); ++i) {
    out << "<g transform='translate(" << static_cast<double>(i % kColumns) * kPanelWidth << ' '
        << static_cast<double>(i / kColumns) * kPanelHeight << ")'>\n";
    draw(out, panels[i], colors);
    out << "</g>\n";
  }
  out << "</svg>\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace pointattn::bench
