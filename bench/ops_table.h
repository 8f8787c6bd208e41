// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace pointattn::bench {

/// One method of a row. The first of a row is ours, to which the others are compared.
struct Candidate {
  std::string name;
  std::function<void()> call;
  /// How many results of the last call are not ours; empty where that cannot be said.
  std::function<int64_t()> differ;
};

/// Measures rows, prints each, and draws them all.
class OpsTable {
 public:
  /// At most `runs` rounds a row, no new one after `seconds`.
  OpsTable(int runs, double seconds, double bytes_a_second)
      : runs_(runs), seconds_(seconds), bytes_a_second_(bytes_a_second) {}

  /// `bytes` is what any method reads and writes, for the floor.
  void row(const std::string& operation,
           int64_t n,
           double bytes,
           const std::vector<Candidate>& candidates);

  /// Medians against N, one panel an operation.
  void plot(const std::filesystem::path& path, const std::string& cloud) const;

 private:
  using Points = std::vector<std::pair<double, double>>;

  int runs_;
  double seconds_;
  double bytes_a_second_;
  std::vector<std::string> operations_;
  std::map<std::string, std::map<std::string, Points>> curves_;
};

}  // namespace pointattn::bench
