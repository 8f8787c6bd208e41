// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/shape_features.h"

#include "pointattn/nn/sampling.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pointattn::nn {
namespace {

at::Tensor sphere(int64_t points) {
  at::manual_seed(1);
  const at::Tensor v = at::randn({points, 3});
  return v / v.norm(2, 1, true);
}

TEST(CovarianceFeatures, AgreeWithPlainSumsInDouble) {
  const PointBatch batch = PointBatch::of({sphere(61), at::rand({17, 3})});
  const double r = 0.7;
  const at::Tensor got = covariance_features(batch, {r});
  int64_t begin = 0;
  for (const int64_t n : batch.counts()) {
    const at::Tensor cloud = batch.xyz.narrow(0, begin, n).to(at::kDouble);
    for (int64_t i = 0; i < n; ++i) {
      const at::Tensor near = cloud.index({(cloud - cloud[i]).square().sum(1) < r * r});
      const at::Tensor mean = near.mean(0);
      const at::Tensor centred = near - mean;
      const at::Tensor covariance = centred.t().mm(centred) / near.size(0);
      const at::Tensor values =
          std::get<0>(at::linalg_eigh(covariance)).flip(0).clamp_min(0).sqrt() / r;
      const at::Tensor expected = at::cat(
          {values,
           at::tensor(
               {0.3 * std::log(100.0 * static_cast<double>(near.size(0)) / static_cast<double>(n)),
                (mean - cloud[i]).norm().item<double>() / r},
               at::kDouble)});
      EXPECT_LT((got[begin + i].to(at::kDouble) - expected).abs().max().item<double>(), 2e-3) << i;
    }
    begin += n;
  }
}

TEST(ShapeFeatures, DoNotChangeWhenTheCloudIsTurned) {
  const at::Tensor xyz = sphere(200) * at::tensor({1.0F, 0.5F, 0.3F});
  const at::Tensor turn = std::get<0>(at::linalg_qr(at::randn({3, 3}), "reduced"));
  const auto features = [](const at::Tensor& cloud) {
    const PointBatch batch = PointBatch::of({cloud.contiguous()});
    return at::cat({covariance_features(batch, {0.2, 0.4}),
                    geodesic_features(batch, nearest(batch, batch, 9), 8)},
                   1);
  };
  EXPECT_LT((features(xyz) - features(xyz.mm(turn))).abs().max().item<double>(), 1e-2);
}

TEST(GeodesicFeatures, EndsOfALineAreFar) {
  const at::Tensor line = at::stack({at::linspace(0, 1, 41), at::zeros({41}), at::zeros({41})}, 1);
  const PointBatch batch = PointBatch::of({line});
  const at::Tensor far = geodesic_features(batch, nearest(batch, batch, 3), 41).select(1, 0);
  EXPECT_EQ(far.argmin().item<int64_t>(), 20);
  EXPECT_NEAR(far[0].item<double>(), far[40].item<double>(), 1e-4);
  // Lengths from every point of a line of length 1: mean 1/2 at the ends, 1/4 in the middle.
  EXPECT_NEAR((far[0].item<double>() + 2) / (far[20].item<double>() + 2), 2.0, 0.1);
}

TEST(GeodesicFeatures, JoinSeparatePiecesAndTakeTinyClouds) {
  const at::Tensor near = sphere(50) * 0.1;
  const PointBatch pieces = PointBatch::of({at::cat({near, near + 1.0, near - 1.0})});
  EXPECT_TRUE(
      geodesic_features(pieces, nearest(pieces, pieces, 4), 5).isfinite().all().item<bool>());
  const PointBatch tiny = PointBatch::of({at::zeros({1, 3}), at::zeros({2, 3})});
  EXPECT_TRUE(geodesic_features(tiny, nearest(tiny, tiny, 9), 24).isfinite().all().item<bool>());
  EXPECT_TRUE(covariance_features(tiny, {0.1}).isfinite().all().item<bool>());
}

}  // namespace
}  // namespace pointattn::nn
