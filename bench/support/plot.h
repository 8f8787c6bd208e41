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

/// Writes an SVG picture of the curves, both axes logarithmic; x and y must be above 0. Throws
/// std::runtime_error when the file cannot be written.
void plot_log_log(const std::filesystem::path& path,
                  const std::string& title,
                  const std::string& x_name,
                  const std::string& y_name,
                  const std::vector<Curve>& curves);

}  // namespace pointattn::bench
