// SPDX-License-Identifier: Apache-2.0
#include "bench/ops_table.h"

#include "bench/support/measure.h"
#include "bench/support/plot.h"
#include <cstdio>

namespace pointattn::bench {

void OpsTable::row(const std::string& operation,
                   int64_t n,
                   double bytes,
                   const std::vector<Candidate>& candidates) {
  std::vector<std::function<void()>> calls;
  for (const Candidate& candidate : candidates) calls.push_back(candidate.call);
  const std::vector<Measurement> results = measure(calls, runs_, seconds_);
  const double floor_ms = bytes / bytes_a_second_ * 1e3;
  std::printf("%-12s %8ld  floor %8.3f ms  ours %9.3f (best %.3f, %.0f MB)",
              operation.c_str(),
              static_cast<long>(n),
              floor_ms,
              results[0].median_ms,
              results[0].best_ms,
              static_cast<double>(results[0].peak_bytes) / 1e6);
  if (curves_.count(operation) == 0) operations_.push_back(operation);
  auto& curves = curves_[operation];
  curves["floor"].emplace_back(n, floor_ms);
  for (size_t i = 0; i < candidates.size(); ++i) {
    curves[candidates[i].name].emplace_back(n, results[i].median_ms);
    if (i == 0) continue;
    std::printf("  | %s %.3f, %.2fx (best %.2fx)",
                candidates[i].name.c_str(),
                results[i].median_ms,
                results[i].median_ms / results[0].median_ms,
                results[i].best_ms / results[0].best_ms);
    if (candidates[i].differ)
      std::printf(", %ld differ", static_cast<long>(candidates[i].differ()));
  }
  std::printf("\n");
  std::fflush(stdout);
}

void OpsTable::plot(const std::filesystem::path& path, const std::string& cloud) const {
  std::vector<Panel> panels;
  for (const std::string& operation : operations_) {
    Panel panel{operation + ", " + cloud, "points", "ms", {}};
    for (const auto& [name, points] : curves_.at(operation)) panel.curves.push_back({name, points});
    panels.push_back(std::move(panel));
  }
  plot_log_log(path, panels);
}

}  // namespace pointattn::bench
