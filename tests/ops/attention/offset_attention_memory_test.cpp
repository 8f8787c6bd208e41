// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/offset_attention.h"
#include "tests/ops/attention/offset_attention_cases.h"

#include <gtest/gtest.h>

#include <fstream>

namespace pointattn {
namespace {

/// A field of /proc/self/status in bytes; -1 where the system has none.
int64_t memory(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    int64_t kilobytes = -1;
    if (name == field + ":" && status >> kilobytes) return kilobytes * 1024;
    std::getline(status, name);
  }
  return -1;
}

TEST(OffsetAttentionMemory, GrowsWithThePointsAndNotWithTheirSquare) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer keeps freed memory";
#endif
  const int64_t count = 16384;
  const AttentionInput input = random_input({count}, 32, 128, 1).to(at::kFloat);
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts anew from here
  const int64_t before = memory("VmRSS");
  if (before < 0 || memory("VmHWM") > before + (int64_t{64} << 20))
    GTEST_SKIP() << "the peak cannot be measured here";
  const auto results = run_attention(ops::offset_attention, input);
  const int64_t growth = memory("VmHWM") - before;
  // Inputs, outputs and gradients are 40 MB in all; one N x N matrix is 1 GB.
  EXPECT_LT(growth, int64_t{200} << 20);
  EXPECT_GT(growth, int64_t{10} << 20) << "the measurement sees nothing";
  EXPECT_TRUE(at::isfinite(results[1]).all().item<bool>());
}

}  // namespace
}  // namespace pointattn
