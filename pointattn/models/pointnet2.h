// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"
#include "pointattn/nn/feature_propagation.h"
#include "pointattn/nn/set_abstraction.h"

/// PointNet++ (Qi et al., "PointNet++: Deep Hierarchical Feature Learning on Point Sets in a Metric
/// Space", NeurIPS 2017), single-scale grouping, coordinates only: the yardstick without attention.
///
/// Which variant: the sizes of the authors' code (charlesq34/pointnet2), whose layers have biases
/// before their norms and look at 32 neighbours in the first ball for classification, 64 for parts.
/// Its single-scale part segmentation also takes normals and no category; here it takes neither
/// normals nor, as another port does, the coordinates twice, and the category's one-hot vector joins
/// the last propagation as in the authors' multi-scale network. Balls hold the nearest points, where
/// public code takes the first found, and interpolation has the paper's squared distances.
namespace pointattn::models {

/// Head of classification: [B,1024] → 512 → 256 → [B,classes], ReLU, dropout 0.5 before the last two
/// layers; `bias` says whether the Linear layers before a norm have one.
class DenseHeadImpl : public torch::nn::Cloneable<DenseHeadImpl> {
 public:
  DenseHeadImpl(int64_t classes, bool bias);
  void reset() override;
  at::Tensor forward(const at::Tensor& pooled);

 private:
  int64_t classes_;
  bool bias_;
  nn::SharedMlp first_{nullptr}, second_{nullptr};
  torch::nn::Linear scores_{nullptr};
};
TORCH_MODULE(DenseHead);

/// Classification: set abstraction to 512 points (radius 0.2), to 128 (0.4), to the whole cloud.
/// 1,475,688 parameters with 40 classes.
class PointNet2Classifier : public Network {
 public:
  explicit PointNet2Classifier(int64_t classes);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;

 protected:
  int64_t refined_channels() const override { return 256; }

 private:
  nn::SetAbstraction down1_{nullptr}, down2_{nullptr};
  nn::CloudAbstraction whole_{nullptr};
  DenseHead head_{nullptr};
};

/// Part segmentation: the same three abstractions, then three propagations back to every point.
/// 1,410,674 parameters with 50 parts and 16 categories.
class PointNet2Segmenter : public Network {
 public:
  PointNet2Segmenter(int64_t parts, int64_t categories);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;

 protected:
  int64_t refined_channels() const override { return 256; }

 private:
  int64_t categories_;
  nn::SetAbstraction down1_{nullptr}, down2_{nullptr};
  nn::CloudAbstraction whole_{nullptr};
  nn::FeaturePropagation up2_{nullptr}, up1_{nullptr}, up0_{nullptr};
  nn::SharedMlp hidden_{nullptr};
  torch::nn::Linear scores_{nullptr};
};

std::shared_ptr<Network> make_pointnet2(const ModelSpec& spec);

}  // namespace pointattn::models
