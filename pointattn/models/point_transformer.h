// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"
#include "pointattn/nn/sampling.h"
#include "pointattn/nn/transitions.h"
#include "pointattn/nn/vector_attention.h"

/// Point Transformer (Zhao, Jiang, Jia, Torr and Koltun, ICCV 2021): a U-Net of vector attention over
/// the nearest neighbours on five levels, each with a quarter of the points of the one above.
///
/// The network is the one of POSTECH-CVLab/point-transformer (`pointtransformer_seg.py`), tensor for
/// tensor, so that its weights can be taken over. What differs, and why:
/// - The input is xyz, 3 numbers; published weights for S3DIS take 6 (xyz and colour), so the first
///   Linear [32,6] fits only with its last three columns dropped.
/// - The part-segmentation form adds one tensor, "dec5.0.category", for the category of the shape. The
///   head has the parts of the label map.
/// - A cloud that has fewer points than neighbours are asked for attends over those it has; the public
///   code repeats a point. At least one point a cloud stays on each level.
///
/// Tensors, public name → name here (i the level 1…5, b the block 1…):
///   enci.0.linear.weight              → enci.0.linear.weight
///   enci.0.bn.*                       → enci.0.norm.*
///   deci.0.linear{1,2}.0.*            → deci.0.linear{1,2}.linear.*  (dec5.0.linear2.0 →
///                                       dec5.0.linear2)
///   deci.0.linear{1,2}.1.*            → deci.0.linear{1,2}.norm.*
///   {enc,dec}i.b.linear{1,3}.weight   → {enc,dec}i.b.linear{1,3}.linear.weight
///   {enc,dec}i.b.bn{1,3}.*            → {enc,dec}i.b.linear{1,3}.norm.*
///   {enc,dec}i.b.bn2.*                → {enc,dec}i.b.norm2.*
///   …transformer2.linear_{q,k,v}.*    → …attention.linear_{q,k,v}.*
///   …transformer2.linear_p.{0,1,3}.*  → …attention.{position_in.linear,position_in.norm,position_out}.*
///   …transformer2.linear_w.{0,2,3,5}.* → …attention.{relation_norm,hidden.linear,hidden.norm,logits}.*
///   cls.{0,1,3}.*                     → cls.{hidden.linear,hidden.norm,scores}.*
/// The counters *.num_batches_tracked have no counterpart. The classifier has enc1 … enc5 of the same
/// names and a head of its own.
namespace pointattn::models {

/// A batch's points on one level, and who is whose neighbour.
struct TransformerLevel {
  PointBatch points;
  at::Tensor near;   ///< [n,K] among themselves, −1 for none
  at::Tensor above;  ///< [n,K] of each point among those of the level above; undefined on the first
};

/// Five levels of a batch: farthest points by quarters, the neighbours searched once for all blocks.
std::vector<TransformerLevel> transformer_levels(const PointBatch& batch);

/// One level on the way down: to the level, then attention blocks. Submodules "0" (the transition), "1", …
class EncoderLevelImpl : public torch::nn::Cloneable<EncoderLevelImpl> {
 public:
  /// The first level has no transition: Linear, norm, ReLU on the input of `in` channels.
  EncoderLevelImpl(int64_t in, int64_t channels, int64_t blocks, bool first);
  void reset() override;
  /// feat [·,in] of the points of `above` (of `level` on the first) → [·,channels] of those of `level`.
  at::Tensor forward(const at::Tensor& feat,
                     const TransformerLevel& above,
                     const TransformerLevel& level);

 private:
  int64_t in_, channels_, blocks_count_;
  bool first_;
  nn::SharedMlp embed_{nullptr};
  nn::TransitionDown down_{nullptr};
  std::vector<nn::VectorAttentionBlock> blocks_;
};
TORCH_MODULE(EncoderLevel);

/// The way down, shared by both tasks; registers its levels "enc1" … "enc5" on the network.
class TransformerEncoder {
 public:
  TransformerEncoder(torch::nn::Module& network, int64_t width);
  /// Features of every level.
  std::vector<at::Tensor> operator()(const std::vector<TransformerLevel>& levels);

 private:
  std::vector<EncoderLevel> levels_;
};

/// The turn at the lowest level and a block. Submodules "0", "1".
class DecoderTurnImpl : public torch::nn::Cloneable<DecoderTurnImpl> {
 public:
  DecoderTurnImpl(int64_t channels, int64_t categories);
  void reset() override;
  at::Tensor forward(const at::Tensor& feat,
                     const at::Tensor& one_hot,
                     const TransformerLevel& level);

 private:
  int64_t channels_, categories_;
  nn::TransitionTurn turn_{nullptr};
  nn::VectorAttentionBlock block_{nullptr};
};
TORCH_MODULE(DecoderTurn);

/// One level on the way up: from the level below, joined with the level's own features, and a block.
/// Submodules "0", "1".
class DecoderLevelImpl : public torch::nn::Cloneable<DecoderLevelImpl> {
 public:
  DecoderLevelImpl(int64_t in, int64_t channels);
  void reset() override;
  at::Tensor forward(const at::Tensor& own,
                     const TransformerLevel& level,
                     const at::Tensor& feat,
                     const TransformerLevel& below);

 private:
  int64_t in_, channels_;
  nn::TransitionUp up_{nullptr};
  nn::VectorAttentionBlock block_{nullptr};
};
TORCH_MODULE(DecoderLevel);

/// Scores of each point: Linear, norm, ReLU, Linear. Submodules "hidden", "scores".
class PointHeadImpl : public torch::nn::Cloneable<PointHeadImpl> {
 public:
  PointHeadImpl(int64_t channels, int64_t parts);
  void reset() override;
  at::Tensor forward(const at::Tensor& feat);

 private:
  int64_t channels_, parts_;
  nn::SharedMlp hidden_{nullptr};
  torch::nn::Linear scores_{nullptr};
};
TORCH_MODULE(PointHead);

/// Part segmentation; the category enters at the lowest level. `width` channels on the first level,
/// twice as many on each below; 32 in the paper.
class PointTransformerSegmenter : public Network {
 public:
  PointTransformerSegmenter(int64_t parts, int64_t categories, int64_t width);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;

 protected:
  int64_t refined_channels() const override { return 16 * width_; }

 private:
  int64_t categories_, width_;
  TransformerEncoder encoder_;
  DecoderTurn turn_{nullptr};
  std::vector<DecoderLevel> up_;  // to levels 4 … 1
  PointHead cls_{nullptr};
};

/// Classification: the mean of the lowest level's features, then 256 → 128 → classes with dropout 0.5.
class PointTransformerClassifier : public Network {
 public:
  PointTransformerClassifier(int64_t classes, int64_t width);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;

 protected:
  int64_t refined_channels() const override { return 16 * width_; }

 private:
  int64_t width_;
  TransformerEncoder encoder_;
  nn::SharedMlp head1_{nullptr}, head2_{nullptr};
  torch::nn::Linear scores_{nullptr};
};

/// Option "width": a multiple of 8 from 8 to 128, by default 32.
std::shared_ptr<Network> make_point_transformer(const ModelSpec& spec);

}  // namespace pointattn::models
