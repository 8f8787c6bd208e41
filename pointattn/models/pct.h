// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"
#include "pointattn/nn/neighbor_embedding.h"
#include "pointattn/nn/offset_attention.h"
#include "pointattn/nn/shared_mlp.h"

/// Point Cloud Transformer (Guo et al., "PCT: Point cloud transformer", Computational Visual Media
/// 2021) and its two naive variants.
///
/// Which published variant: where the paper and its code differ these networks follow the code that
/// is known to train, as follows.
/// - Queries and keys share one projection (code); the paper draws two.
/// - Classification concatenates the four attention outputs *and* the neighbour embedding that the
/// layers before the attention start from, 1280 channels (code); the paper concatenates four.
/// - Classification has two LBR layers before the attention and no positional term: the PyTorch
/// form with 2,876,136 parameters for 40 classes.
///   Activations in the head are LeakyReLU(0.2).
/// - Part segmentation attends over all N points without neighbour embedding (code), 2,446,130
/// parameters with 50 parts and 16 categories; the
///   paper's text describes a neighbour embedding there that no released code has.
namespace pointattn::models {

/// Four attention layers in series; returns their outputs side by side, [N,4C], behind the input
/// [N,C] when `with_input`.
class AttentionStackImpl : public torch::nn::Cloneable<AttentionStackImpl> {
 public:
  AttentionStackImpl(int64_t channels, nn::AttentionKind kind, bool with_input);
  void reset() override;
  at::Tensor forward(const at::Tensor& feat, const at::Tensor& offsets);
  /// The outputs one by one, L × [N,C].
  std::vector<at::Tensor> layers(const at::Tensor& feat, const at::Tensor& offsets);

 private:
  int64_t channels_;
  nn::AttentionKind kind_;
  bool with_input_;
  std::vector<nn::OffsetAttention> layers_;
};
TORCH_MODULE(AttentionStack);

/// Head of classification: [B,C_in] → 512 → 256 → [B,classes], with dropout 0.5 before the last two
/// layers.
class ClassifierHeadImpl : public torch::nn::Cloneable<ClassifierHeadImpl> {
 public:
  explicit ClassifierHeadImpl(int64_t classes, int64_t in = 1024);
  void reset() override;
  at::Tensor forward(const at::Tensor& pooled);

 private:
  int64_t classes_;
  int64_t in_;
  nn::SharedMlp first_{nullptr}, second_{nullptr};
  torch::nn::Linear scores_{nullptr};
};
TORCH_MODULE(ClassifierHead);

/// PCT for classification: FPS to 512 then 256 points with neighbour embedding (k = 32), four
/// offset-attention layers of 256 channels.
class PctClassifier : public Network {
 public:
  explicit PctClassifier(int64_t classes);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;

 protected:
  int64_t refined_channels() const override { return 256; }

 private:
  nn::SharedMlp embed1_{nullptr}, embed2_{nullptr}, before1_{nullptr}, before2_{nullptr},
      fuse_{nullptr};
  nn::NeighborEmbedding group1_{nullptr}, group2_{nullptr};
  AttentionStack attention_{nullptr};
  ClassifierHead head_{nullptr};
};

/// The naive networks for classification: point embedding only, four attention layers of 128
/// channels over all points. NPCT attends with plain self-attention, SPCT with offset attention;
/// 1,360,552 parameters for 40 classes each.
class NaivePctClassifier : public Network {
 public:
  NaivePctClassifier(int64_t classes, nn::AttentionKind kind);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;

 protected:
  int64_t refined_channels() const override { return 128; }

 private:
  nn::SharedMlp embed1_{nullptr}, embed2_{nullptr}, fuse_{nullptr};
  AttentionStack attention_{nullptr};
  ClassifierHead head_{nullptr};
};

/// PCT for part segmentation: four attention layers of 128 channels over all N points; each point's
/// 1024 features join the maximum and the mean over the cloud and 64 features of the category. With
/// plain self-attention it is the segmentation form of NPCT; SPCT's is the same as PCT's.
class PctSegmenter : public Network, public nn::Freezable {
 public:
  PctSegmenter(int64_t parts, int64_t categories, nn::AttentionKind kind);
  Scores forward(const PointBatch& batch, const at::Tensor& category) override;
  void train(bool on = true) override;
  void freeze(nn::Precision precision) override;

 protected:
  int64_t refined_channels() const override { return 128; }

 private:
  at::Tensor infer(const std::vector<at::Tensor>& attended,
                   const at::Tensor& label,
                   const at::Tensor& offsets);

  int64_t categories_;
  nn::SharedMlp embed1_{nullptr}, embed2_{nullptr}, fuse_{nullptr}, label_{nullptr},
      head1_{nullptr}, head2_{nullptr};
  AttentionStack attention_{nullptr};
  torch::nn::Linear scores_{nullptr};
  nn::FrozenLinear frozen_own_, frozen_cloud_, frozen_scores_;
};

/// Throws c10::ValueError unless the coordinates are [N,3] and the offsets fit; `name` begins the
/// message.
void check_batch(const char* name, const PointBatch& batch);

/// One-hot rows [B,categories] of `dtype` for category ids [B]; kUnknownCategory gives zeros.
/// Throws c10::ValueError for other ids.
at::Tensor category_one_hot(const at::Tensor& category, int64_t categories, const at::Tensor& like);

std::shared_ptr<Network> make_pct(const ModelSpec& spec);
std::shared_ptr<Network> make_npct(const ModelSpec& spec);
std::shared_ptr<Network> make_spct(const ModelSpec& spec);

}  // namespace pointattn::models
