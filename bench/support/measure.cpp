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

Measurement measure(const std::function<void()>& work, int runs, double seconds) {
#if defined(__GLIBC__)
  malloc_trim(0);  // what an earlier measurement left must not hide what this one needs
#endif
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts anew
  const int64_t before = status_field("VmRSS");
  work();
  Measurement result;
  if (before >= 0) result.peak_bytes = status_field("VmHWM") - before;
  std::vector<double> times;
  const auto start = Clock::now();
  do {
    const auto begin = Clock::now();
    work();
    times.push_back(seconds_since(begin));
  } while (static_cast<int>(times.size()) < runs && seconds_since(start) < seconds);
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  result.milliseconds = times[times.size() / 2] * 1e3;
  result.runs = static_cast<int>(times.size());
  return result;
}

double gemm_peak() {
  const int64_t side = 768;
  const at::Tensor a = at::randn({side, side});
  const at::Tensor b = at::randn({side, side});
  at::Tensor c = at::empty({side, side});
  const Measurement result = measure([&] { at::mm_out(c, a, b); }, 51);
  return 2.0 * static_cast<double>(side * side * side) / result.milliseconds * 1e-6;
}

}  // namespace pointattn::bench
