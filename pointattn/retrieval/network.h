// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/point_batch.h"
#include "pointattn/matching/score.h"
#include "pointattn/models/pct.h"
#include "pointattn/nn/neighbor_embedding.h"
#include "pointattn/nn/part_attention.h"
#include "pointattn/nn/shared_mlp.h"
#include "pointattn/text/sentence_encoder.h"

#include <nlohmann/json_fwd.hpp>

/// Shapes and sentences as small sets of vectors in one space: part embeddings and phrase
/// embeddings, to be matched by matching::match().
namespace pointattn::retrieval {

struct ShapeEncoderOptions {
  int64_t channels = 128;  ///< of the attention layers
  int64_t features = 256;  ///< of a point, and of a part before the projection
  int64_t parts = 8;       ///< gathered by attention
  bool whole = true;       ///< a row in front of them: the maximum of each feature over the points
  int64_t hidden = 128;    ///< of the scores that gather points into parts
  int64_t heads = 4;       ///< of the attention among the parts of a shape
  /// The attention layers look at all points, or at so many patches: points taken by farthest point
  /// sampling, each with its `neighbors` nearest. A patch tells edges, bars and plates apart, which
  /// single points do not.
  int64_t patches = 0;
  int64_t neighbors = 16;
};

struct RetrievalOptions {
  ShapeEncoderOptions shape;
  text::SentenceEncoderOptions text;
  int64_t width = 256;  ///< E
  matching::ScoreOptions score;
};

/// As JSON, and back; missing options keep their defaults, unknown ones and sizes that make no
/// sense throw c10::ValueError.
nlohmann::json to_json(const RetrievalOptions& options);
RetrievalOptions retrieval_options_from_json(const nlohmann::json& json);

/// One side of a batch.
struct Embedded {
  at::Tensor vectors;    ///< [B,R,E] parts of the shapes, or [B,W,E] phrases of the sentences, the
                         ///< whole in front
  at::Tensor attention;  ///< [N,R] over the points, or [L,W] over the words; equal shares for the
                         ///< whole
  at::Tensor penalty;    ///< [B] overlap of the attention's columns, without the whole
};

/// The last layer of a side: rows [B,R,C] into the common space [B,R,E] by a linear map and a batch
/// norm, so that what all clouds or sentences have in common does not fill the cosine. The whole,
/// where there is one, has a map of its own. Submodules "whole", "rest".
class SideHeadImpl : public torch::nn::Cloneable<SideHeadImpl> {
 public:
  SideHeadImpl(int64_t in, int64_t out, bool whole, bool rest);
  void reset() override;
  at::Tensor forward(const at::Tensor& rows);

 private:
  int64_t in_, out_;
  bool has_whole_, has_rest_;
  nn::SharedMlp whole_{nullptr}, rest_{nullptr};
};
TORCH_MODULE(SideHead);

/// Point side: the trunk of PCT's part segmentation (two shared layers and four offset-attention
/// layers over all points, their outputs side by side, one more shared layer), then point-to-part
/// attention with attention among the parts, then the head. With patches, the neighbour embedding of
/// PCT's classification takes the place of the first shared layer, and everything behind it sees a
/// row a patch; a point has the attention of the patch whose centre is nearest, shared out among the
/// points of that patch.
class ShapeEncoderImpl : public torch::nn::Cloneable<ShapeEncoderImpl> {
 public:
  ShapeEncoderImpl(const ShapeEncoderOptions& options, int64_t width);
  void reset() override;
  /// batch in the unit sphere; `prior` [N,G] as in nn::PointToPartAttention, or undefined.
  Embedded forward(const PointBatch& batch, const at::Tensor& prior = {});

 private:
  ShapeEncoderOptions options_;
  int64_t width_;
  nn::NeighborEmbedding patch_{nullptr};
  nn::SharedMlp embed1_{nullptr}, embed2_{nullptr}, fuse_{nullptr};
  models::AttentionStack attention_{nullptr};
  nn::PointToPartAttention parts_{nullptr};
  SideHead head_{nullptr};
};
TORCH_MODULE(ShapeEncoder);

/// Both sides and the temperature of the loss. Submodules "shape", "sentence", "phrase"; parameter
/// "log_scale", which starts at log(1/0.07) as CLIP's does.
class RetrievalNetworkImpl : public torch::nn::Cloneable<RetrievalNetworkImpl> {
 public:
  explicit RetrievalNetworkImpl(const RetrievalOptions& options);
  void reset() override;
  Embedded shapes(const PointBatch& batch, const at::Tensor& prior = {});
  Embedded texts(const text::TokenBatch& tokens);

  const RetrievalOptions& options() const { return options_; }

  ShapeEncoder shape{nullptr};
  text::SentenceEncoder sentence{nullptr};
  SideHead phrase{nullptr};
  at::Tensor log_scale;

 private:
  RetrievalOptions options_;
};
TORCH_MODULE(RetrievalNetwork);

}  // namespace pointattn::retrieval
