// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"
#include "pointattn/models/pct.h"
#include "pointattn/nn/local_max.h"
#include "pointattn/nn/sampling.h"

namespace pointattn::models {

/// A U-shaped part-segmentation network around PCT's offset attention, this project's own: local
/// layers on 1024, 512 and 128 farthest points, four offset-attention layers (256 channels) on the
/// 128, propagation back to every point. Learns from a dozen shapes a category what PCT needs
/// hundreds for, at a fraction of PCT's cost, because attention sees parts instead of points.
///
/// Input also carries 17 numbers a point that do not change under rotation (nn/shape_features.h),
/// computed inside. The category enters only behind the attention; a head on the pooled features
/// guesses it from the same pass (Scores::category), so unlabelled clouds need no second network.
/// Works on clouds of any size ≥ 1; the points of a cloud of up to 1024 are all used. 1.8 M
/// parameters.
class PctUnet : public Network {
 public:
  PctUnet(int64_t parts, int64_t categories);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;

 protected:
  int64_t refined_channels() const override { return 256; }

 private:
  struct Levels;
  struct Encoded;
  Encoded encode(const Levels& levels);
  at::Tensor decode(const PointBatch& batch,
                    const Levels& levels,
                    const Encoded& encoded,
                    const at::Tensor& one_hot);
  at::Tensor embed(const Levels& levels);

  nn::SharedMlp edge1_{nullptr};
  torch::nn::Linear edge2_{nullptr}, point_{nullptr}, shape_{nullptr}, embed_{nullptr};
  nn::RowNorm shape_norm_{nullptr}, embed_norm_{nullptr};
  nn::LocalResidual fine1_{nullptr}, fine2_{nullptr}, mid1_{nullptr}, mid2_{nullptr};
  nn::LocalDown down1_{nullptr}, down2_{nullptr};
  torch::nn::Linear position_{nullptr};
  AttentionStack attention_{nullptr};
  nn::SharedMlp fuse_{nullptr};
  torch::nn::Linear guess1_{nullptr}, guess2_{nullptr};
  torch::nn::Linear coarse_{nullptr}, coarse_global_{nullptr}, coarse_category_{nullptr};
  nn::RowNorm coarse_norm_{nullptr};
  nn::SharedMlp up1_{nullptr}, up0_{nullptr};
  torch::nn::Linear query_own_{nullptr}, query_near_{nullptr}, query_position_{nullptr},
      query_category_{nullptr};
  nn::RowNorm query_norm_{nullptr};
  nn::SharedMlp head_{nullptr};
  torch::nn::Linear scores_{nullptr};
  int64_t categories_;
};

std::shared_ptr<Network> make_pct_unet(const ModelSpec& spec);

}  // namespace pointattn::models
