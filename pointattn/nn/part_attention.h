// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/structured_attention.h"

#include <torch/nn/modules/normalization.h>

namespace pointattn::nn {

/// Multi-head self-attention among the part embeddings of each cloud, in a pre-norm block with a
/// feed-forward layer (Vaswani et al. 2017; Xiong et al. 2020): x + Attention(Norm(x)), then
/// x + FeedForward(Norm(x)). parts [B,R,C] → [B,R,C]; clouds do not see one another. No positions:
/// the order of the parts does not matter. Both outer projections start at zero, so a fresh block
/// is the identity. Submodules "norm1", "qkv", "out", "norm2", "wide", "narrow".
class PartSelfAttentionImpl : public torch::nn::Cloneable<PartSelfAttentionImpl> {
 public:
  PartSelfAttentionImpl(int64_t channels, int64_t heads);
  void reset() override;
  at::Tensor forward(const at::Tensor& parts);

 private:
  int64_t channels_, heads_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  torch::nn::Linear qkv_{nullptr}, out_{nullptr}, wide_{nullptr}, narrow_{nullptr};
};
TORCH_MODULE(PartSelfAttention);

struct PointToPartOptions {
  int64_t channels = 256;  ///< C of the point features and of the part embeddings
  int64_t hidden = 128;    ///< width of the scoring layer
  int64_t parts = 8;       ///< R
  int64_t heads = 4;       ///< of the attention among parts; 0 leaves it out
};

/// Point-to-part attention: the points of each cloud gathered into R part embeddings by structured
/// self-attention, which then attend to one another.
///
/// feat [N,C], offsets [B+1] → attention [N,R] and parts [B,R,C]: the mean M = A F and, by a linear
/// map, the standard deviation of F in the same weights (Okabe et al., "Attentive statistics
/// pooling", Interspeech 2018), since a mean alone does not tell how far a part reaches.
/// Guided form: `prior` [N,G] with G ≤ R are the probabilities of a segmentation network for the G
/// parts of the cloud's category (rows may be zero: nothing is known). Row r < G of the cloud gets
/// strength · log(prior + 10⁻³) added to its logits, so that part r gathers in row r; the rows
/// behind stay free. `strength` ≥ 0 is learned and starts at 1. Without a prior the rows are free.
/// `whole` [B,C], when given, joins the attention among the parts as a row in front of them: parts
/// [B,1+R,C], the attention over the points still [N,R].
/// Submodules "attention", "spread", "among"; parameter "strength".
class PointToPartAttentionImpl : public torch::nn::Cloneable<PointToPartAttentionImpl> {
 public:
  explicit PointToPartAttentionImpl(const PointToPartOptions& options);
  void reset() override;
  Attended forward(const at::Tensor& feat,
                   const at::Tensor& offsets,
                   const at::Tensor& prior = {},
                   const at::Tensor& whole = {});

  StructuredAttention attention{nullptr};
  torch::nn::Linear spread{nullptr};
  at::Tensor strength;

 private:
  at::Tensor bias_of(const at::Tensor& prior) const;

  PointToPartOptions options_;
  PartSelfAttention among_{nullptr};
};
TORCH_MODULE(PointToPartAttention);

}  // namespace pointattn::nn
