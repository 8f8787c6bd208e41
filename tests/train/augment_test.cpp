// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/augment.h"

#include "pointattn/train/schedule.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pointattn::train {
namespace {

AugmentOptions nothing() {
  AugmentOptions options;
  options.warp = options.mirror = options.tilt = options.any_pose = options.size = options.jitter =
      0;
  options.scale_low = options.scale_high = 1;
  options.renormalize = false;
  return options;
}

at::Tensor distances(const at::Tensor& xyz) {
  return at::cdist(xyz.to(at::kDouble), xyz.to(at::kDouble));
}

TEST(Augment, SwitchedOffChangesNothing) {
  const at::Tensor xyz = at::rand({50, 3});
  EXPECT_TRUE(augment(xyz, nothing(), Random(1)).equal(xyz));
}

TEST(Augment, SameRandomSameResultAndInputUntouched) {
  const at::Tensor xyz = at::rand({50, 3});
  const at::Tensor copy = xyz.clone();
  const AugmentOptions options;
  EXPECT_TRUE(augment(xyz, options, Random(1)).equal(augment(xyz, options, Random(1))));
  EXPECT_FALSE(augment(xyz, options, Random(1)).equal(augment(xyz, options, Random(2))));
  EXPECT_TRUE(xyz.equal(copy));
}

TEST(Augment, RotationsAndMirrorsKeepDistances) {
  const at::Tensor xyz = at::rand({30, 3});
  for (int kind = 0; kind < 4; ++kind) {
    AugmentOptions options = nothing();
    (kind == 0   ? options.turn
     : kind == 1 ? options.tilt
     : kind == 2 ? options.any_pose
                 : options.mirror) = kind < 2 ? 40 : 1;
    const at::Tensor out = augment(xyz, options, Random(3, static_cast<uint64_t>(kind)));
    EXPECT_GT((out - xyz).abs().max().item<double>(), 1e-2) << kind;
    EXPECT_LT((distances(out) - distances(xyz)).abs().max().item<double>(), 1e-5) << kind;
  }
}

TEST(Augment, TurnKeepsHeights) {
  AugmentOptions options = nothing();
  options.turn = 180;
  const at::Tensor xyz = at::rand({30, 3});
  EXPECT_TRUE(
      at::allclose(augment(xyz, options, Random(4)).select(1, 1), xyz.select(1, 1), 1e-5, 1e-6));
}

TEST(Augment, ScalesStayInTheirRange) {
  AugmentOptions options = nothing();
  options.scale_low = 0.7;
  options.scale_high = 1.3;
  double low = 9;
  double high = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const at::Tensor factors = augment(at::ones({1, 3}), options, Random(seed));
    low = std::min(low, factors.min().item<double>());
    high = std::max(high, factors.max().item<double>());
  }
  EXPECT_GE(low, 0.7 - 1e-6);
  EXPECT_LT(low, 0.71);
  EXPECT_LE(high, 1.3 + 1e-6);
  EXPECT_GT(high, 1.29);
}

TEST(Augment, RenormalizePutsTheCloudIntoTheUnitSphere) {
  AugmentOptions options;
  options.size = options.jitter = 0;
  const at::Tensor out = augment(at::rand({100, 3}) * 5 + 3, options, Random(5));
  EXPECT_NEAR(out.norm(2, 1).max().item<double>(), 1.0, 1e-5);
  EXPECT_LT(out.mean(0).abs().max().item<double>(), 1e-5);
}

TEST(RandomRows, AreDifferentAndDeterministic) {
  const at::Tensor rows = random_rows(100, 30, Random(1));
  EXPECT_EQ(std::get<0>(at::_unique(rows)).numel(), 30);
  EXPECT_TRUE(rows.equal(random_rows(100, 30, Random(1))));
  EXPECT_TRUE(std::get<0>(random_rows(7, 50, Random(2)).sort()).equal(at::arange(7)));
}

TEST(Random, IsTheSameOnEveryMachine) {
  Random random(42);
  const uint64_t first = random.next();
  Random again(42);
  EXPECT_EQ(first, again.next());
  EXPECT_NE(Random(42, 1).next(), Random(42, 2).next());
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < 20000; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / 20000, 0.0, 0.03);
  EXPECT_NEAR(squares / 20000, 1.0, 0.05);
}

TEST(Schedule, FollowsItsCourse) {
  ScheduleOptions options;
  options.warmup_epochs = 2;
  options.final_fraction = 0.1;
  EXPECT_DOUBLE_EQ(schedule_factor(options, 1, 10), 0.5);
  EXPECT_DOUBLE_EQ(schedule_factor(options, 2, 10), 1.0);
  EXPECT_NEAR(schedule_factor(options, 6, 10), 0.55, 1e-12);
  EXPECT_NEAR(schedule_factor(options, 10, 10), 0.1, 1e-12);
  options = {};
  options.kind = "step";
  options.step_epochs = 3;
  EXPECT_DOUBLE_EQ(schedule_factor(options, 2.9, 10), 1.0);
  EXPECT_DOUBLE_EQ(schedule_factor(options, 6, 10), 0.25);
  options.kind = "zigzag";
  EXPECT_THROW((void)schedule_factor(options, 1, 10), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::train
