// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"
#include "pointattn/models/pct.h"
#include "pointattn/nn/edge_conv.h"

/// Dynamic Graph CNN (Wang et al., "Dynamic graph CNN for learning on point clouds", ACM
/// Transactions on Graphics 2019): edge convolutions over the k nearest neighbours in the space of
/// the features, found anew by every layer. Layer sizes are those of the PyTorch form that is
/// widely used (AnTao97/dgcnn.pytorch), so that its weights can be imported (public_names.h).
///
/// Option "neighbors": k; by default 20 for classification and 40 for segmentation, what the public
/// weights for 1,024 and 2,048 points were trained with. Clouds of fewer points use all they have.
namespace pointattn::models {

/// Classification: four edge convolutions of 64, 64, 128, 256 channels; their outputs side by side,
/// 1024 features a point, maximum and mean over the cloud, and the head. 1,809,576 parameters for 40
/// classes.
class DgcnnClassifier : public Network {
 public:
  DgcnnClassifier(int64_t classes, int64_t neighbors);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;

 protected:
  int64_t refined_channels() const override { return 128; }

 private:
  int64_t neighbors_;
  nn::EdgeConv edge1_{nullptr}, edge2_{nullptr}, edge3_{nullptr}, edge4_{nullptr};
  nn::SharedMlp fuse_{nullptr};
  ClassifierHead head_{nullptr};
};

/// The 3 × 3 matrix of each cloud that part segmentation turns it by before anything else: [N,3],
/// offsets [B+1], index [N,k] → [B,3,3]. A fresh one is the identity for every cloud.
class SpatialTransformImpl : public torch::nn::Cloneable<SpatialTransformImpl> {
 public:
  SpatialTransformImpl();
  void reset() override;
  at::Tensor forward(const at::Tensor& xyz, const at::Tensor& offsets, const at::Tensor& index);

 private:
  nn::EdgeConv edge_{nullptr};
  nn::SharedMlp fuse_{nullptr}, first_{nullptr}, second_{nullptr};
  torch::nn::Linear matrix_{nullptr};
};
TORCH_MODULE(SpatialTransform);

/// Part segmentation: the spatial transform, three edge convolutions of 64 channels, 1024 features
/// a point of which the cloud keeps the maximum, 64 features of the category, and the head on both
/// with the point's own 192. 1,460,361 parameters with 50 parts and 16 categories.
class DgcnnSegmenter : public Network, public nn::Freezable {
 public:
  DgcnnSegmenter(int64_t parts, int64_t categories, int64_t neighbors);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;
  void train(bool on = true) override;
  void freeze(nn::Precision precision) override;

 protected:
  int64_t refined_channels() const override { return 64; }

 private:
  at::Tensor local_features(const PointBatch& batch);
  at::Tensor head_input(const at::Tensor& own, const at::Tensor& cloud, const at::Tensor& offsets);

  int64_t categories_;
  int64_t neighbors_;
  SpatialTransform transform_{nullptr};
  nn::EdgeConv edge1_{nullptr}, edge2_{nullptr}, edge3_{nullptr};
  nn::SharedMlp fuse_{nullptr}, label_{nullptr}, head1_{nullptr}, head2_{nullptr}, head3_{nullptr};
  torch::nn::Linear scores_{nullptr};
  nn::FrozenLinear frozen_own_, frozen_cloud_, frozen_scores_;
};

std::shared_ptr<Network> make_dgcnn(const ModelSpec& spec);

}  // namespace pointattn::models
