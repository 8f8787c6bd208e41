// SPDX-License-Identifier: Apache-2.0
// Damaged files: whatever the bytes, a reader throws c10::Error or gives a cloud that holds
// together.
#include "tests/io/samples.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <random>

namespace pointattn::io::test {
namespace {

void expect_consistent(const Cloud& cloud) {
  for (const Field& field : cloud.fields) {
    ASSERT_EQ(field.values.size(0), cloud.points());
    // Touches every byte, so that the sanitizers see what was never written or never there.
    if (field.values.numel() > 0) at::sum(field.values.contiguous().view(at::kByte), at::kLong);
  }
  if (cloud.triangles.defined() && cloud.triangles.numel() > 0) {
    ASSERT_GE(cloud.triangles.min().item<int64_t>(), 0);
    ASSERT_LT(cloud.triangles.max().item<int64_t>(), cloud.points());
  }
}

/// Reads; a c10::Error is as good as a cloud, anything else fails the case.
bool reads(const std::string& bytes, const std::string& extension) {
  try {
    expect_consistent(parsed(bytes, extension));
    return true;
  } catch (const c10::Error&) {
    return false;
  }
}

class EveryFormat : public testing::TestWithParam<SampleFile> {};

TEST_P(EveryFormat, IsReadWhole) { EXPECT_TRUE(reads(GetParam().bytes, GetParam().extension)); }

TEST_P(EveryFormat, CutAtEveryByte) {
  const SampleFile& file = GetParam();
  const Cloud whole = parsed(file.bytes, file.extension);
  for (size_t size = 0; size < file.bytes.size(); ++size) {
    SCOPED_TRACE(size);
    const std::string cut = file.bytes.substr(0, size);
    if (reads(cut, file.extension)) {
      EXPECT_LE(parsed(cut, file.extension).points(), whole.points());
    }
    if (file.what.starts_with("binary") || file.what.starts_with("compressed")) {
      EXPECT_FALSE(reads(cut, file.extension));
    }
  }
}

TEST_P(EveryFormat, FlippedBytes) {
  const SampleFile& file = GetParam();
  std::mt19937 random(20);
  int read = 0;
  for (int round = 0; round < 2500; ++round) {
    SCOPED_TRACE(round);
    std::string bytes = file.bytes;
    for (uint32_t flips = 1 + random() % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random() % 256);
    }
    read += reads(bytes, file.extension);
  }
  EXPECT_LT(read, 2500);
}

/// Digits, minus signs and blanks hit the counts and indices of headers more often than any byte
/// does.
TEST_P(EveryFormat, ExchangedDigits) {
  const SampleFile& file = GetParam();
  std::mt19937 random(21);
  for (int round = 0; round < 1500; ++round) {
    SCOPED_TRACE(round);
    std::string bytes = file.bytes;
    for (uint32_t flips = 1 + random() % 2; flips > 0; --flips) {
      const size_t at = bytes.find_first_of("0123456789", random() % bytes.size());
      if (at != bytes.npos)
        bytes.replace(at, 1, random() % 4 ? 1 : 12, "-9 0123e.n"[random() % 10]);
    }
    reads(bytes, file.extension);
  }
}

INSTANTIATE_TEST_SUITE_P(SampleFiles,
                         EveryFormat,
                         testing::ValuesIn(sample_files()),
                         [](const auto& info) {
                           std::string name;
                           for (const char c : info.param.what) name += c == ' ' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace pointattn::io::test
