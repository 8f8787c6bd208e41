// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace pointattn::bench {

struct Curve {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

/// One diagram of a picture.
struct Panel {
  std::string title;
  std::string x_name;
  std::string y_name;
  std::vector<Curve> curves;
};

/// Writes an SVG picture of the panels, two a row, both axes logarithmic; x and y must be above 0.
/// Curves of one name have one colour in all panels. Throws std::runtime_error when the file cannot
/// be written.
void plot_log_log(const std::filesystem::path& path, const std::vector<Panel>& panels);

}  // namespace pointattn::bench
