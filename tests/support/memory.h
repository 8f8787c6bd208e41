// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <fstream>
#include <functional>
#include <malloc.h>
#include <optional>
#include <string>

namespace pointattn::test {

/// A field of /proc/self/status in bytes; -1 where the system has none.
inline int64_t memory(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    int64_t kilobytes = -1;
    if (name == field + ":" && status >> kilobytes) return kilobytes * 1024;
    std::getline(status, name);
  }
  return -1;
}

/// Bytes by which the peak grows while `action` runs; nothing where it cannot be measured.
inline std::optional<int64_t> growth_of(const std::function<void()>& action) {
  malloc_trim(0);  // what earlier tests freed would be used again, unseen
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts anew from here
  const int64_t before = memory("VmRSS");
  if (before < 0 || memory("VmHWM") > before + (int64_t{64} << 20)) return std::nullopt;
  action();
  return memory("VmHWM") - before;
}

}  // namespace pointattn::test
