// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/project.h"

#include "pointattn/nn/frozen_linear.h"
#include "tests/support/memory.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

namespace pointattn::nn {
namespace {

TEST(Project, ReducedProductsStayCloseAndEndWithTheirScope) {
  at::manual_seed(9);
  const at::Tensor x = at::randn({128, 64}).requires_grad_(true);
  const at::Tensor w = at::randn({32, 64});
  const at::Tensor exact = project(x, w);
  at::Tensor reduced;
  {
    const ReducedProducts on(true);
    reduced = project(x, w);
    EXPECT_TRUE(
        project(x.narrow(0, 0, 8), w).equal(at::linear(x.narrow(0, 0, 8), w)));  // too small to pay
  }
  EXPECT_FALSE(reduced.equal(exact));
  EXPECT_LT((reduced - exact).abs().max().item<double>(), 0.05 * exact.abs().max().item<double>());
  EXPECT_EQ(reduced.scalar_type(), at::kFloat);
  EXPECT_TRUE(project(x, w).equal(exact));
}

bool close(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && at::allclose(a, b, 1e-4, 1e-4);
}

TEST(Project, EqualsLinearForAnyNumberOfRowsWithItsGradients) {
  at::manual_seed(10);
  const at::Tensor w = at::randn({40, 48}).requires_grad_(true);
  const at::Tensor b = at::randn({40}).requires_grad_(true);
  // Around the sizes of the blocks that large products go in.
  for (const int64_t n : {1, 63, 64, 65, 127, 200, 4096, 5000, 66'000}) {
    const at::Tensor x = at::randn({n, 48}).requires_grad_(true);
    const at::Tensor weights = at::randn({n, 40});
    const auto gradients = [&](const at::Tensor& out) {
      for (const at::Tensor& t : {x, w, b}) t.mutable_grad() = at::Tensor();
      (out * weights).sum().backward();
      return std::vector<at::Tensor>{out.detach(), x.grad(), w.grad(), b.grad()};
    };
    const auto ours = gradients(project(x, w, b));
    const auto theirs = gradients(at::linear(x, w, b));
    for (size_t i = 0; i < ours.size(); ++i) {
      const double scale = 1 + theirs[i].abs().max().item<double>();
      EXPECT_LT((ours[i] - theirs[i]).abs().max().item<double>(), 1e-4 * scale)
          << n << " rows, " << i;
    }
    const at::NoGradGuard no_grad;
    const FrozenLinear frozen(w, b, Activation::kReLU, Precision::kFloat32);
    EXPECT_TRUE(close(frozen(x), theirs[0].relu())) << n << " rows";
  }
}

TEST(FrozenLinear, WhatOneDnnDoesNotTakeComputesTheSame) {
  at::manual_seed(13);
  const at::NoGradGuard no_grad;
  const at::Tensor w = at::randn({40, 48}, at::kDouble);
  const at::Tensor b = at::randn({40}, at::kDouble);
  for (const int64_t n : {0, 1, 70}) {
    const at::Tensor x = at::randn({n, 48}, at::kDouble);
    for (const at::Tensor& bias : {b, at::Tensor()}) {
      const auto frozen = [&](Activation activation) {
        return FrozenLinear(w, bias, activation, Precision::kFloat32)(x);
      };
      const at::Tensor y = at::linear(x, w, bias);
      EXPECT_TRUE(close(frozen(Activation::kNone), y));
      EXPECT_TRUE(close(frozen(Activation::kReLU), y.relu()));
      EXPECT_TRUE(close(frozen(Activation::kLeakyReLU), at::leaky_relu(y, kLeakySlope)));
    }
  }
}

TEST(Project, ColumnsOfAWeightAreAsGoodAsAWeight) {
  at::manual_seed(11);
  const at::Tensor w = at::randn({40, 100});
  const at::Tensor x = at::randn({300, 64});
  EXPECT_TRUE(
      close(project(x, w.narrow(1, 3, 64)), at::linear(x, w.narrow(1, 3, 64).contiguous())));
}

TEST(Project, ManyNumbersOfRowsDoNotFillTheMemory) {
  at::manual_seed(12);
  const at::Tensor w = at::randn({64, 64}).requires_grad_(true);
  const at::Tensor x = at::randn({31'000, 64});
  const auto step = [&](int64_t n) { project(x.narrow(0, 0, n), w).sum().backward(); };
  for (int64_t i = 0; i < 20; ++i) step(30'000 + i);
  const int64_t before = test::memory("VmRSS");
  for (int64_t i = 20; i < 220; ++i) step(30'000 + i);
  EXPECT_LT(test::memory("VmRSS") - before, int64_t{200} << 20);
}

}  // namespace
}  // namespace pointattn::nn
