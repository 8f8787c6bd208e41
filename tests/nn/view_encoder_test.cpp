// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/view_encoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pointattn::nn {
namespace {

/// Depth pictures with holes.
at::Tensor pictures(int64_t clouds, int64_t views, int64_t size) {
  const at::Tensor depth = at::rand({clouds, views, size, size}) * 2 + 1;
  return depth * (at::rand_like(depth) > 0.4);
}

/// With norms that do something.
ConvDown conv_down(int64_t in, int64_t out) {
  ConvDown layer(in, out);
  const at::NoGradGuard no_grad;
  layer->norm->weight.uniform_(0.5, 1.5);
  layer->norm->bias.normal_();
  layer->norm->running_mean.normal_();
  layer->norm->running_var.uniform_(0.5, 2);
  layer->eval();
  return layer;
}

TEST(ConvDown, IsTheFormulaFrozenOrNot) {
  at::manual_seed(31);
  ConvDown layer = conv_down(2, 3);
  const at::NoGradGuard no_grad;
  const at::Tensor image = at::randn({2, 2, 6, 6});
  const at::Tensor plain = layer(image);
  layer->freeze(Precision::kFloat32);
  const at::Tensor frozen = layer(image);
  ASSERT_EQ(plain.sizes(), (at::IntArrayRef{2, 3, 3, 3}));
  const auto of = [](const at::Tensor& t, std::initializer_list<at::indexing::TensorIndex> at) {
    return t.index(at).item<double>();
  };
  for (int64_t m = 0; m < 2; ++m) {
    for (int64_t c = 0; c < 3; ++c) {
      for (int64_t place = 0; place < 9; ++place) {
        const int64_t row = place / 3, column = place % 3;
        double sum = 0;
        for (int64_t tap = 0; tap < 18; ++tap) {
          const int64_t k = tap / 9, dy = tap % 9 / 3, dx = tap % 3;
          const int64_t y = 2 * row + dy - 1, x = 2 * column + dx - 1;
          if (y < 0 || y >= 6 || x < 0 || x >= 6) continue;
          sum += of(layer->conv->weight, {c, k, dy, dx}) * of(image, {m, k, y, x});
        }
        const double wanted = std::max(0.0,
                                       (sum - of(layer->norm->running_mean, {c})) /
                                               std::sqrt(of(layer->norm->running_var, {c}) + 1e-5) *
                                               of(layer->norm->weight, {c}) +
                                           of(layer->norm->bias, {c}));
        EXPECT_NEAR(of(plain, {m, c, row, column}), wanted, 1e-5);
        EXPECT_NEAR(of(frozen, {m, c, row, column}), wanted, 1e-5);
      }
    }
  }
}

TEST(ViewEncoder, OrderAndRepetitionOfTheViewsDoNotMatter) {
  at::manual_seed(32);
  ViewEncoder encoder(24, 32);
  encoder->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor depth = pictures(3, 5, 32);
  const at::Tensor feature = encoder(depth);
  ASSERT_EQ(feature.sizes(), (at::IntArrayRef{3, 24}));
  const at::Tensor mixed = depth.index_select(1, at::tensor({4, 0, 2, 2, 1, 3}, at::kLong));
  EXPECT_TRUE(at::allclose(encoder(mixed), feature, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(encoder(depth.narrow(0, 1, 1)), feature.narrow(0, 1, 1), 1e-5, 1e-6));
  EXPECT_GT((encoder(depth.narrow(1, 0, 2)) - feature).abs().max().item<double>(), 1e-4);
}

TEST(ViewEncoder, NothingIsFartherThanWhatIsSeen) {
  // A depth of 0 means nothing there, not something at the camera: it is as far as depth 4.
  at::manual_seed(33);
  ViewEncoder encoder(8, 16);
  encoder->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor depth = pictures(1, 2, 16);
  const at::Tensor far = at::where(depth > 0, depth, at::full({}, 4.0));
  EXPECT_TRUE(at::allclose(encoder(far), encoder(depth), 1e-6, 1e-7));
}

TEST(ViewEncoder, GradientsReachEveryParameter) {
  at::manual_seed(34);
  ViewEncoder encoder(8, 16);
  encoder(pictures(4, 3, 16)).square().sum().backward();
  for (const auto& parameter : encoder->named_parameters()) {
    ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
    EXPECT_GT(parameter.value().grad().abs().max().item<double>(), 0) << parameter.key();
  }
}

TEST(ViewEncoder, WrongShapesAreRefused) {
  ViewEncoder encoder(8, 16);
  EXPECT_THROW(encoder(at::rand({2, 3, 16, 32})), c10::ValueError);
  EXPECT_THROW(encoder(at::rand({2, 16, 16})), c10::ValueError);
  EXPECT_THROW(encoder(at::rand({2, 0, 16, 16})), c10::ValueError);
  EXPECT_THROW(ViewEncoder(8, 24), c10::ValueError);
  EXPECT_THROW(ViewEncoder(0, 16), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::nn
