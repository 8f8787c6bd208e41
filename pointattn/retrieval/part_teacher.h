// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/random.h"
#include "pointattn/nn/shared_mlp.h"
#include "pointattn/retrieval/network.h"

#include <vector>

/// Training with the true parts of a shape at hand. Where the training data knows each shape as a set
/// of boxes, a second encoder reads these, which tell far more of a shape than sampled points do; it
/// learns to meet the sentences as well, and the encoder of points learns from it: learning with
/// privileged information (Vapnik and Vashist 2009), as distillation (Hinton et al. 2015; Lopez-Paz
/// et al. 2016). Only the encoder of points is kept.
namespace pointattn::retrieval {

/// The boxes [P,15] of a shape (train::CaptionedShapes::boxes()) as the teacher sees them: moved and
/// scaled so that what bounds them all fits the unit sphere, mirrored along x half of the time, and
/// shaken a little. The same `random` gives the same.
at::Tensor shaken_boxes(const at::Tensor& boxes, Random random);

/// Sets of boxes to vectors: boxes [P,15] of all shapes, offsets [B+1] → [B,E]. Two shared layers a
/// box, two more that also see the maximum over the shape's boxes (as in Zaheer et al., "Deep sets",
/// 2017), each added to what it is given, the maximum, a linear layer with a norm. The order of the
/// boxes does not matter. Every shape needs a box. Submodules "embed1", "embed2", "context1",
/// "context2", "head".
class BoxSetEncoderImpl : public torch::nn::Cloneable<BoxSetEncoderImpl> {
 public:
  BoxSetEncoderImpl(int64_t features, int64_t width);
  void reset() override;
  at::Tensor forward(const at::Tensor& boxes, const at::Tensor& offsets);

 private:
  int64_t features_, width_;
  nn::SharedMlp embed1_{nullptr}, embed2_{nullptr}, context1_{nullptr}, context2_{nullptr},
      head_{nullptr};
};
TORCH_MODULE(BoxSetEncoder);

/// A network and, where there is one, its teacher. Submodules "network", "teacher"; parameter
/// "log_scale" of the teacher's loss with the shapes.
class TaughtNetworkImpl : public torch::nn::Cloneable<TaughtNetworkImpl> {
 public:
  TaughtNetworkImpl(const RetrievalOptions& options, bool taught);
  void reset() override;

  RetrievalNetwork network{nullptr};
  BoxSetEncoder teacher{nullptr};
  at::Tensor log_scale;

 private:
  RetrievalOptions options_;
  bool taught_;
};
TORCH_MODULE(TaughtNetwork);

/// The teacher's part of the loss of a step with B shapes: sentences [C·B,W,E] (the first of every
/// shape, then the second of every shape, …) and shapes [B,R,E], the whole in front of both; `scores`
/// [C·B,B] of the two; boxes of each shape. The sum of
///   InfoNCE of the sentences' wholes with the vectors of the boxes, mean over the C,
///   InfoNCE of the shapes' wholes with the vectors of the boxes,
///   matching::distillation() of `scores` from those with the boxes, mean over the C.
/// → []
at::Tensor teaching_loss(TaughtNetworkImpl& taught,
                         const at::Tensor& sentences,
                         const at::Tensor& shapes,
                         const at::Tensor& scores,
                         const std::vector<at::Tensor>& boxes);

}  // namespace pointattn::retrieval
