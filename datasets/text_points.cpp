// SPDX-License-Identifier: Apache-2.0
#include "datasets/text_points.h"

#include "datasets/procedural/random.h"
#include "pointattn/core/files.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <charconv>
#include <cmath>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

namespace pointattn::datasets {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{256} << 20;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == ','; }

std::string_view next_word(std::string_view& line) {
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  size_t size = 0;
  while (size < line.size() && !is_blank(line[size])) ++size;
  const std::string_view word = line.substr(0, size);
  line.remove_prefix(size);
  return word;
}

}  // namespace

std::vector<double> read_numbers(const std::filesystem::path& path, int64_t columns) {
  const std::string text = read_file(path, kMaxBytes);
  std::vector<double> numbers;
  std::string_view rest(text);
  for (int64_t line_number = 1; !rest.empty(); ++line_number) {
    const size_t end = rest.find('\n');
    const std::string_view whole = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (rest.empty() && whole.find_first_not_of(" \t\r") == std::string_view::npos) break;
    std::string_view line = whole;
    for (int64_t column = 0; column < columns; ++column) {
      const std::string_view word = next_word(line);
      double value = 0;
      const auto [stop, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
      TORCH_CHECK_VALUE(
          problem == std::errc() && stop == word.data() + word.size() && std::isfinite(value),
          path.string(),
          ":",
          line_number,
          ": expected ",
          columns,
          " finite numbers, got '",
          whole.substr(0, 80),
          "'");
      numbers.push_back(value);
    }
    TORCH_CHECK_VALUE(next_word(line).empty(),
                      path.string(),
                      ":",
                      line_number,
                      ": expected ",
                      columns,
                      " numbers, got more in '",
                      whole.substr(0, 80),
                      "'");
  }
  TORCH_CHECK_VALUE(!numbers.empty(),
                    path.string(),
                    ": expected lines of ",
                    columns,
                    " numbers, got an empty file");
  return numbers;
}

void keep_random_points(train::Sample& sample, int64_t points, uint64_t seed) {
  const int64_t have = sample.xyz.size(0);
  if (points == 0 || have <= points) return;
  at::Tensor rows = at::arange(have);
  auto* row = rows.mutable_data_ptr<int64_t>();
  Random random(seed);
  for (int64_t i = 0; i < points; ++i) {
    std::swap(row[i],
              row[i + static_cast<int64_t>(random.next() % static_cast<uint64_t>(have - i))]);
  }
  rows = rows.narrow(0, 0, points);
  sample.xyz = sample.xyz.index_select(0, rows);
  if (sample.normal.defined()) sample.normal = sample.normal.index_select(0, rows);
  if (sample.part.defined()) sample.part = sample.part.index_select(0, rows);
}

}  // namespace pointattn::datasets
