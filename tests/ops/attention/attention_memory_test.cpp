// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention.h"
#include "pointattn/ops/offset_attention.h"
#include "tests/ops/attention/attention_cases.h"
#include "tests/ops/attention/offset_attention_cases.h"
#include "tests/support/memory.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>

namespace pointattn {
namespace {

/// Inputs, outputs and gradients are about 40 MB in each case; one N x N matrix is 1 GB.
void expect_linear(const std::function<void()>& action) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer keeps freed memory";
#endif
  const std::optional<int64_t> growth = test::growth_of(action);
  if (!growth) GTEST_SKIP() << "the peak cannot be measured here";
  EXPECT_LT(*growth, int64_t{200} << 20);
  EXPECT_GT(*growth, int64_t{10} << 20) << "the measurement sees nothing";
}

constexpr int64_t kPoints = 16384;

TEST(OffsetAttentionMemory, GrowsWithThePointsAndNotWithTheirSquare) {
  const AttentionInput input = random_input({kPoints}, 32, 128, 1).to(at::kFloat);
  expect_linear([&] {
    const auto results = run_attention(ops::offset_attention, input);
    EXPECT_TRUE(at::isfinite(results[1]).all().item<bool>());
  });
}

TEST(OffsetAttentionMemory, ASharedLayerTrainsWithin64MiB) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer keeps freed memory";
#endif
  const AttentionInput input = random_input({32768}, 32, 128, 1).to(at::kFloat);
  const at::Tensor q = input.q.requires_grad_(), v = input.v.requires_grad_();
  const std::optional<int64_t> growth = test::growth_of([&] {
    const at::Tensor out = ops::offset_attention(q, q, v, input.offsets);
    torch::autograd::grad({out}, {q, v}, {input.grad});
  });
  if (!growth) GTEST_SKIP() << "the peak cannot be measured here";
  const int64_t results = 2 * v.numel() * v.element_size() + q.numel() * q.element_size();
  EXPECT_LT(*growth - results, int64_t{64} << 20);
  EXPECT_GT(*growth, results) << "the measurement sees nothing";
}

TEST(AttentionMemory, GrowsWithThePointsAndNotWithTheirProduct) {
  const AttentionCase input =
      random_case({{kPoints}, {kPoints / 2}, 2, 32, 64}, Bias::kFinite).to(at::kFloat);
  expect_linear([&] {
    const auto results = run_attention(ops::attention, input);
    EXPECT_TRUE(at::isfinite(results[1]).all().item<bool>());
  });
}

}  // namespace
}  // namespace pointattn
