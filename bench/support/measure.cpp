// SPDX-License-Identifier: Apache-2.0
#include "bench/support/measure.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace pointattn::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A field of /proc/self/status in bytes, -1 without such a file.
int64_t status_field(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    int64_t kilobytes = -1;
    if (name == field + ":" && status >> kilobytes) return kilobytes * 1024;
    std::getline(status, name);
  }
  return -1;
}

}  // namespace

int64_t peak_of(const std::function<void()>& work) {
#if defined(__GLIBC__)
  malloc_trim(0);  // what an earlier measurement left must not hide what this one needs
#endif
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts anew
  const int64_t before = status_field("VmRSS");
  work();
  return before < 0 ? -1 : status_field("VmHWM") - before;
}

std::vector<Measurement> measure(const std::vector<std::function<void()>>& candidates,
                                 int runs,
                                 double seconds) {
  std::vector<Measurement> results(candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i) results[i].peak_bytes = peak_of(candidates[i]);
  std::vector<std::vector<double>> times(candidates.size());
  const auto start = Clock::now();
  for (int run = 0; run == 0 || (run < runs && seconds_since(start) < seconds); ++run) {
    for (size_t i = 0; i < candidates.size(); ++i) {
      const auto begin = Clock::now();
      candidates[i]();
      times[i].push_back(seconds_since(begin) * 1e3);
    }
  }
  for (size_t i = 0; i < candidates.size(); ++i) {
    std::sort(times[i].begin(), times[i].end());
    results[i].median_ms = times[i][times[i].size() / 2];
    results[i].best_ms = times[i].front();
    results[i].runs = static_cast<int>(times[i].size());
  }
  return results;
}

double gemm_peak() {
  const int64_t side = 768;
  const at::Tensor a = at::randn({side, side});
  const at::Tensor b = at::randn({side, side});
  at::Tensor c = at::empty({side, side});
  const double best_ms = measure({[&] { at::mm_out(c, a, b); }}, 101, 5).front().best_ms;
  return 2.0 * static_cast<double>(side * side * side) / best_ms * 1e-6;
}

}  // namespace pointattn::bench
