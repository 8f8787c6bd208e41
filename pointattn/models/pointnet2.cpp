// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/pointnet2.h"

#include "pointattn/models/options.h"
#include "pointattn/models/pct.h"
#include "pointattn/nn/project.h"

#include <ATen/ATen.h>

namespace pointattn::models {
namespace {

using nn::CloudAbstraction;
using nn::FeaturePropagation;
using nn::PropagatedFeatures;
using nn::SetAbstraction;
using nn::SharedMlp;

constexpr int64_t kFine = 512;
constexpr int64_t kCoarse = 128;
constexpr nn::BallScale kFineBall = {0.2, 32};
constexpr nn::BallScale kFinePartBall = {0.2, 64};
constexpr nn::BallScale kCoarseBall = {0.4, 64};
constexpr double kDropout = 0.5;

}  // namespace

DenseHeadImpl::DenseHeadImpl(int64_t classes, bool bias) : classes_(classes), bias_(bias) {
  reset();
}

void DenseHeadImpl::reset() {
  first_ = register_module("first", SharedMlp(1024, 512, bias_));
  second_ = register_module("second", SharedMlp(512, 256, bias_));
  scores_ = register_module("scores", torch::nn::Linear(256, classes_));
}

at::Tensor DenseHeadImpl::forward(const at::Tensor& pooled) {
  const at::Tensor wide = at::dropout(first_(pooled), kDropout, is_training());
  return scores_(at::dropout(second_(wide), kDropout, is_training()));
}

PointNet2Classifier::PointNet2Classifier(int64_t classes) {
  down1_ =
      register_module("down1", SetAbstraction(0, std::vector<int64_t>{64, 64, 128}, kFineBall));
  down2_ = register_module("down2",
                           SetAbstraction(128, std::vector<int64_t>{128, 128, 256}, kCoarseBall));
  whole_ = register_module("whole", CloudAbstraction(256, std::vector<int64_t>{256, 512, 1024}));
  head_ = register_module("head", DenseHead(classes, /*bias=*/true));
}

Scores PointNet2Classifier::forward(const PointBatch& batch, const at::Tensor& /*category*/) {
  check_batch("PointNet2Classifier", batch);
  const nn::Sampled fine = nn::sample_farthest(batch, kFine);
  const nn::Sampled coarse = nn::take_first(fine.batch, kCoarse);
  const at::Tensor f1 = down1_(batch, at::Tensor(), fine);                     // [512 B,128]
  const at::Tensor f2 = refine(down2_(fine.batch, f1, coarse), coarse.batch);  // [128 B,256]
  const at::Tensor whole = whole_(coarse.batch, f2);
  return {head_(whole), {}, whole};
}

PointNet2Segmenter::PointNet2Segmenter(int64_t parts, int64_t categories)
    : categories_(categories) {
  using Widths = std::vector<int64_t>;
  using Inputs = nn::FeaturePropagationImpl::Inputs;
  down1_ = register_module("down1", SetAbstraction(0, Widths{64, 64, 128}, kFinePartBall));
  down2_ = register_module("down2", SetAbstraction(128, Widths{128, 128, 256}, kCoarseBall));
  whole_ = register_module("whole", CloudAbstraction(256, Widths{256, 512, 1024}));
  up2_ = register_module(
      "up2",
      FeaturePropagation(Inputs{.skip = 256, .cloud = 1024}, Widths{256, 256}, /*bias=*/true));
  up1_ = register_module(
      "up1",
      FeaturePropagation(Inputs{.coarse = 256, .skip = 128}, Widths{256, 128}, /*bias=*/true));
  up0_ = register_module("up0",
                         FeaturePropagation(Inputs{.coarse = 128, .skip = 3, .cloud = categories},
                                            Widths{128, 128, 128},
                                            /*bias=*/true));
  hidden_ = register_module("hidden", SharedMlp(128, 128, /*bias=*/true));
  scores_ = register_module("scores", torch::nn::Linear(128, parts));
}

Scores PointNet2Segmenter::forward(const PointBatch& batch, const at::Tensor& category) {
  check_batch("PointNet2Segmenter", batch);
  const at::Tensor one_hot = category_one_hot(category, categories_, batch.xyz);
  const nn::Sampled fine = nn::sample_farthest(batch, kFine);
  const nn::Sampled coarse = nn::take_first(fine.batch, kCoarse);
  const at::Tensor f1 = down1_(batch, at::Tensor(), fine);                     // [512 B,128]
  const at::Tensor f2 = refine(down2_(fine.batch, f1, coarse), coarse.batch);  // [128 B,256]
  const at::Tensor whole = whole_(coarse.batch, f2);                           // [B,1024]
  at::Tensor x =
      up2_(coarse.batch, PointBatch(), PropagatedFeatures{{}, f2, whole});          // [128 B,256]
  x = up1_(fine.batch, coarse.batch, PropagatedFeatures{x, f1, {}});                // [512 B,128]
  x = hidden_(up0_(batch, fine.batch, PropagatedFeatures{x, batch.xyz, one_hot}));  // [N,128]
  x = at::dropout(x, kDropout, is_training());
  return {nn::project(x, scores_->weight, scores_->bias), {}};
}

std::shared_ptr<Network> make_pointnet2(const ModelSpec& spec) {
  OptionReader("pointnet2", spec.options).finish();
  if (spec.task == Task::kClassify) {
    return std::make_shared<PointNet2Classifier>(spec.labels.num_categories());
  }
  return std::make_shared<PointNet2Segmenter>(spec.labels.num_parts(),
                                              spec.labels.num_categories());
}

}  // namespace pointattn::models
