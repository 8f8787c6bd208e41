// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"
#include "pointattn/models/pct.h"
#include "pointattn/nn/edge_conv.h"
#include "pointattn/nn/gated_fusion.h"
#include "pointattn/nn/view_encoder.h"
#include "pointattn/ops/render_views.h"

namespace pointattn::models {

/// PVNet (You et al., "PVNet: A joint convolutional network of point cloud and multi-view for 3D
/// shape recognition", ACM MM 2018) for classification: pictures of the cloud say which features of
/// its points count. The views, 12 depth pictures from a ring of cameras, are rendered from the
/// cloud itself and become one vector (nn::ViewEncoder); four edge convolutions of 64, 64, 128 and
/// 256 channels follow the points, and two fusion blocks (nn::GatedFusion) stress the features of
/// the last two. The maximum over the points beside the vector of the views is the fused feature,
/// 1280 numbers, which the head scores and retrieval compares.
///
/// Where it differs from the paper: the views have a small network of their own in place of AlexNet
/// with ImageNet's weights (see nn::ViewEncoder), are depth and not shaded meshes, and there is no
/// spatial transform, since clouds are expected upright. The graph of the last edge convolution is
/// found in the features before the gate, so it is the same in the network's frozen form.
/// 2,301,848 parameters with 40 classes.
class PvNet : public Network {
 public:
  struct Options {
    int64_t neighbors =
        20;  ///< k of the edge convolutions; clouds of fewer points use all they have
    int64_t views = 12;
    int64_t view_size = 64;  ///< pixels along an edge, a multiple of 16
  };

  PvNet(int64_t classes, const Options& options);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;

 protected:
  int64_t refined_channels() const override { return 128; }

 private:
  int64_t neighbors_;
  ops::ViewRing ring_;
  nn::ViewEncoder views_{nullptr};
  nn::EdgeConv edge1_{nullptr}, edge2_{nullptr}, edge3_{nullptr}, edge4_{nullptr};
  nn::GatedFusion fusion1_{nullptr}, fusion2_{nullptr};
  nn::SharedMlp fuse_{nullptr};
  ClassifierHead head_{nullptr};
};

/// Options "neighbors" 1 … 256, "views" 1 … 64, "view_size" a multiple of 16 up to 256.
std::shared_ptr<Network> make_pvnet(const ModelSpec& spec);

}  // namespace pointattn::models
