// SPDX-License-Identifier: Apache-2.0
#include "bench/support/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <stdexcept>

namespace pointattn::bench {
namespace {

constexpr double kLeft = 70, kTop = 40, kWidth = 520, kHeight = 340, kNames = 130, kBelow = 50;

/// Powers of ten around the values.
struct Axis {
  int low = 1000;
  int high = -1000;

  void include(double value) {
    low = std::min(low, static_cast<int>(std::floor(std::log10(value))));
    high = std::max(high, static_cast<int>(std::ceil(std::log10(value))));
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

}  // namespace

void plot_log_log(const std::filesystem::path& path,
                  const std::string& title,
                  const std::string& x_name,
                  const std::string& y_name,
                  const std::vector<Curve>& curves) {
  constexpr std::array<const char*, 6> kColors{
      "#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#7f7f7f"};
  Axis x_axis, y_axis;
  for (const Curve& curve : curves) {
    for (const auto& [x, y] : curve.points) {
      x_axis.include(x);
      y_axis.include(y);
    }
  }
  std::ofstream out(path);
  out << "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 " << kLeft + kWidth + kNames << ' '
      << kTop + kHeight + kBelow << "' font-family='sans-serif' font-size='12'>\n"
      << "<rect width='100%' height='100%' fill='white'/>\n";
  text(out, kLeft + kWidth / 2, 20, "middle", title);
  text(out, kLeft + kWidth / 2, kTop + kHeight + 40, "middle", x_name);
  text(out, kLeft - 10, kTop - 12, "end", y_name);
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
  for (size_t c = 0; c < curves.size(); ++c) {
    if (curves[c].points.empty()) continue;
    const char* color = kColors[c % kColors.size()];
    out << "<polyline fill='none' stroke-width='2' stroke='" << color << "' points='";
    double x = 0, y = 0;
    for (const auto& [at, value] : curves[c].points) {
      x = kLeft + x_axis.place(at, kWidth);
      y = kTop + kHeight - y_axis.place(value, kHeight);
      out << x << ',' << y << ' ';
    }
    out << "'/>\n<g fill='" << color << "'>";
    text(out, x + 6, y + 4, "start", curves[c].name);
    out << "</g>\n";
  }
  out << "</svg>\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace pointattn::bench
