// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/rscnn.h"

#include "pointattn/models/options.h"
#include "pointattn/models/pct.h"
#include "pointattn/nn/project.h"

#include <ATen/ATen.h>

namespace pointattn::models {
namespace {

using nn::CloudAbstraction;
using nn::FeaturePropagation;
using nn::PropagatedFeatures;
using nn::RelationShape;
using Inputs = nn::FeaturePropagationImpl::Inputs;
using Scales = std::vector<nn::BallScale>;
using Widths = std::vector<int64_t>;

constexpr double kDropout = 0.5;

/// A level of the segmentation network: points taken of each cloud, channels in and out a scale.
struct Level {
  int64_t points, in, out;
  Scales scales;
};

const std::array<Level, 4> kParts = {{
    {1024, 0, 64, {{0.075, 16}, {0.1, 32}, {0.125, 48}}},
    {256, 192, 128, {{0.1, 16}, {0.15, 48}, {0.2, 64}}},
    {64, 384, 256, {{0.2, 16}, {0.3, 32}, {0.4, 48}}},
    {16, 768, 512, {{0.4, 16}, {0.6, 24}, {0.8, 32}}},
}};

constexpr int64_t kCloud = 128;  // features of the whole cloud, twice

}  // namespace

RscnnClassifier::RscnnClassifier(int64_t classes) {
  down1_ = register_module("down1", RelationShape(0, 128, Scales{{0.23, 48}}));
  down2_ = register_module("down2", RelationShape(128, 512, Scales{{0.32, 64}}));
  whole_ = register_module("whole", CloudAbstraction(512, Widths{1024}));
  nn::kaiming_start(*whole_);
  head_ = register_module("head", DenseHead(classes, /*bias=*/false));
}

Scores RscnnClassifier::forward(const PointBatch& batch, const at::Tensor& /*category*/) {
  check_batch("RscnnClassifier", batch);
  const nn::Sampled fine = nn::sample_farthest(batch, 512);
  const nn::Sampled coarse = nn::take_first(fine.batch, 128);
  const at::Tensor f1 = down1_(batch, at::Tensor(), fine);                     // [512 B,128]
  const at::Tensor f2 = refine(down2_(fine.batch, f1, coarse), coarse.batch);  // [128 B,512]
  const at::Tensor whole = whole_(coarse.batch, f2);
  return {head_(whole), {}, whole};
}

RscnnSegmenter::RscnnSegmenter(int64_t parts, int64_t categories) : categories_(categories) {
  for (size_t i = 0; i < kLevels; ++i) {
    down_[i] = register_module("down" + std::to_string(i + 1),
                               RelationShape(kParts[i].in, kParts[i].out, kParts[i].scales));
  }
  whole64_ = register_module("whole64", CloudAbstraction(768, Widths{kCloud}));
  whole16_ = register_module("whole16", CloudAbstraction(1536, Widths{kCloud}));
  const auto up = [&](size_t level, int64_t coarse, int64_t skip, int64_t width) {
    up_[level] = register_module(
        "up" + std::to_string(level),
        FeaturePropagation(
            Inputs{.coarse = coarse, .skip = skip}, Widths{width, width}, /*bias=*/false));
  };
  up(3, 1536, 768, 512);
  up(2, 512, 384, 512);
  up(1, 512, 192, 256);
  up(0, 256, 0, 128);
  hidden_ =
      register_module("hidden",
                      FeaturePropagation(Inputs{.skip = 128, .cloud = 2 * kCloud + categories},
                                         Widths{128},
                                         /*bias=*/false));
  scores_ = register_module("scores", torch::nn::Linear(128, parts));
  nn::kaiming_start(*this);
}

Scores RscnnSegmenter::forward(const PointBatch& batch, const at::Tensor& category) {
  check_batch("RscnnSegmenter", batch);
  const at::Tensor one_hot = category_one_hot(category, categories_, batch.xyz);
  std::vector<PointBatch> points = {batch};  // from all points to the fewest
  std::vector<at::Tensor> feats = {at::Tensor()};
  for (size_t i = 0; i < kLevels; ++i) {
    const PointBatch& from = points.back();
    const nn::Sampled centres = i == 0 ? nn::sample_farthest(from, kParts[i].points)
                                       : nn::take_first(from, kParts[i].points);
    at::Tensor feat = down_[i](from, feats.back(), centres);
    feats.push_back(i == 1 ? refine(feat, centres.batch) : feat);
    points.push_back(centres.batch);
  }
  const at::Tensor whole = at::cat(
      {whole16_(points[4], feats[4]), whole64_(points[3], feats[3]), one_hot}, 1);  // [B,256+16]
  at::Tensor x = feats[kLevels];
  for (size_t i = kLevels; i-- > 0;)
    x = up_[i](points[i], points[i + 1], PropagatedFeatures{x, feats[i], {}});
  x = hidden_(batch, PointBatch(), PropagatedFeatures{{}, x, whole});  // [N,128]
  x = at::dropout(x, kDropout, is_training());
  return {nn::project(x, scores_->weight, scores_->bias), {}};
}

std::shared_ptr<Network> make_rscnn_ssn(const ModelSpec& spec) {
  OptionReader("rscnn_ssn", spec.options).finish();
  return std::make_shared<RscnnClassifier>(spec.labels.num_categories());
}

std::shared_ptr<Network> make_rscnn_msn(const ModelSpec& spec) {
  OptionReader("rscnn_msn", spec.options).finish();
  return std::make_shared<RscnnSegmenter>(spec.labels.num_parts(), spec.labels.num_categories());
}

}  // namespace pointattn::models
