// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"
#include "pointattn/models/pointnet2.h"
#include "pointattn/nn/relation_shape.h"

#include <array>

/// RS-CNN (Liu et al., "Relation-Shape Convolutional Neural Network for Point Cloud Analysis", CVPR
/// 2019): the frame of PointNet++ with relation-shape convolutions in place of its shared MLPs.
///
/// Which variant: the sizes and the start of the authors' code (Yochengliu/Relation-Shape-CNN); its
/// classification network has 1,289,505 parameters with 40 classes, the paper says 1.41 M. It also
/// shuffles the sampled points of the segmentation network between levels, so that each level's
/// farthest point sampling starts elsewhere, and interpolates with plain inverse distances; here each
/// level goes on from the sample of the level before, and interpolation has squared distances as the
/// PointNet++ paper that it cites. What the layer itself takes from paper and code:
/// nn/relation_shape.h.
namespace pointattn::models {

/// Classification with single-scale neighbourhoods: 512 points (radius 0.23), 128 (0.32), then one
/// layer of 1024 features over the whole cloud.
class RscnnClassifier : public Network {
 public:
  explicit RscnnClassifier(int64_t classes);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;

 protected:
  int64_t refined_channels() const override { return 512; }

 private:
  nn::RelationShape down1_{nullptr}, down2_{nullptr};
  nn::CloudAbstraction whole_{nullptr};
  DenseHead head_{nullptr};
};

/// Part segmentation with neighbourhoods of three scales: 1024, 256, 64 and 16 points, two features
/// of the whole cloud (from the 64 and from the 16 points), four propagations back to every point.
/// 3,488,705 parameters with 50 parts and 16 categories.
class RscnnSegmenter : public Network {
 public:
  RscnnSegmenter(int64_t parts, int64_t categories);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;

 protected:
  int64_t refined_channels() const override { return 384; }

 private:
  static constexpr size_t kLevels = 4;

  int64_t categories_;
  std::array<nn::RelationShape, kLevels> down_{nullptr, nullptr, nullptr, nullptr};
  nn::CloudAbstraction whole16_{nullptr}, whole64_{nullptr};
  std::array<nn::FeaturePropagation, kLevels> up_{nullptr, nullptr, nullptr, nullptr};
  nn::FeaturePropagation hidden_{nullptr};
  torch::nn::Linear scores_{nullptr};
};

std::shared_ptr<Network> make_rscnn_ssn(const ModelSpec& spec);
std::shared_ptr<Network> make_rscnn_msn(const ModelSpec& spec);

}  // namespace pointattn::models
