// SPDX-License-Identifier: Apache-2.0
#include "datasets/tsv.h"

#include "pointattn/core/files.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace pointattn::datasets {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{1} << 30;

std::vector<std::string_view> cells_of(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::vector<std::string_view> cells;
  while (true) {
    const size_t tab = line.find('\t');
    cells.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return cells;
    line.remove_prefix(tab + 1);
  }
}

std::vector<size_t> places_of(const std::string& path,
                              const std::vector<std::string_view>& header,
                              const std::vector<std::string_view>& columns) {
  std::vector<size_t> places;
  for (const std::string_view column : columns) {
    const auto found = std::find(header.begin(), header.end(), column);
    TORCH_CHECK_VALUE(found != header.end(),
                      path,
                      ":1: expected a column '",
                      column,
                      "' among tab-separated names, got '",
                      header.empty() ? "" : header[0].substr(0, 60),
                      "' and ",
                      header.size() - 1,
                      " more");
    places.push_back(static_cast<size_t>(found - header.begin()));
  }
  return places;
}

}  // namespace

void read_tsv(const std::filesystem::path& path,
              const std::vector<std::string_view>& columns,
              const std::function<void(int64_t, const std::vector<std::string_view>&)>& row) {
  const std::string text = read_file(path, kMaxBytes);
  std::string_view rest(text);
  std::vector<size_t> places;
  size_t width = 0;
  std::vector<std::string_view> chosen(columns.size());
  for (int64_t line = 1; line == 1 || !rest.empty(); ++line) {
    const size_t end = rest.find('\n');
    const std::vector<std::string_view> cells = cells_of(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line == 1) {
      places = places_of(path.string(), cells, columns);
      width = cells.size();
      continue;
    }
    TORCH_CHECK_VALUE(cells.size() == width,
                      path.string(),
                      ":",
                      line,
                      ": expected ",
                      width,
                      " tab-separated cells, got ",
                      cells.size());
    for (size_t i = 0; i < places.size(); ++i) chosen[i] = cells[places[i]];
    try {
      row(line, chosen);
    } catch (const c10::ValueError& problem) {
      TORCH_CHECK_VALUE(false, path.string(), ":", line, ": ", problem.what_without_backtrace());
    }
  }
}

double number_of(std::string_view cell, std::string_view name) {
  double value = 0;
  const auto [stop, problem] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  TORCH_CHECK_VALUE(
      problem == std::errc() && stop == cell.data() + cell.size() && std::isfinite(value),
      "expected a number for ",
      name,
      ", got '",
      cell.substr(0, 60),
      "'");
  return value;
}

}  // namespace pointattn::datasets
