// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/point_transformer.h"

#include "pointattn/models/options.h"
#include "pointattn/models/pct.h"
#include "pointattn/nn/pooling.h"
#include "pointattn/nn/project.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace pointattn::models {
namespace {

using nn::SharedMlp;
using nn::VectorAttentionBlock;

constexpr int64_t kLevels = 5;
constexpr int64_t kStride = 4;
constexpr int64_t kNeighborsFirst = 8;
constexpr int64_t kNeighbors = 16;
constexpr int64_t kBlocks[kLevels] = {1, 2, 3, 5, 2};  // with the transitions 2, 3, 4, 6, 3 layers
constexpr int64_t kMaxWidth = 128;
constexpr double kDropout = 0.5;

int64_t channels_of(int64_t width, int64_t level) { return width << level; }

/// Batch norm needs two rows: a lone point on the lowest level has no variance.
void check_trainable(const Network& network, const TransformerLevel& lowest) {
  TORCH_CHECK_VALUE(!network.is_training() || lowest.points.points() > 1,
                    "point_transformer: expected a training batch with two points on the lowest "
                    "level (two clouds, or one of 512 points), got 1");
}

}  // namespace

std::vector<TransformerLevel> transformer_levels(const PointBatch& batch) {
  std::vector<TransformerLevel> levels;
  levels.push_back({{batch.xyz, {}, batch.offsets}, {}, {}});
  levels[0].near = nn::nearest_or_none(levels[0].points, levels[0].points, kNeighborsFirst);
  for (int64_t l = 1; l < kLevels; ++l) {
    const PointBatch& above = levels.back().points;
    std::vector<int64_t> counts = above.counts();
    for (int64_t& n : counts) n = std::max<int64_t>(std::min<int64_t>(n, 1), n / kStride);
    // Below the second level the points are in farthest-point order already.
    const PointBatch points =
        l == 1 ? nn::sample_farthest(above, counts).batch : nn::take_first(above, counts).batch;
    levels.push_back({points,
                      nn::nearest_or_none(points, points, kNeighbors),
                      nn::nearest(points, above, kNeighbors)});
  }
  return levels;
}

EncoderLevelImpl::EncoderLevelImpl(int64_t in, int64_t channels, int64_t blocks, bool first)
    : in_(in), channels_(channels), blocks_count_(blocks), first_(first) {
  reset();
}

void EncoderLevelImpl::reset() {
  if (first_) {
    embed_ = register_module("0", SharedMlp(in_, channels_));
  } else {
    down_ = register_module("0", nn::TransitionDown(in_, channels_));
  }
  blocks_.clear();
  for (int64_t b = 1; b <= blocks_count_; ++b) {
    blocks_.push_back(register_module(std::to_string(b), VectorAttentionBlock(channels_)));
  }
}

at::Tensor EncoderLevelImpl::forward(const at::Tensor& feat,
                                     const TransformerLevel& above,
                                     const TransformerLevel& level) {
  const at::Tensor& xyz = level.points.xyz;
  at::Tensor x = first_ ? embed_(feat) : down_(feat, above.points.xyz, xyz, level.above);
  for (VectorAttentionBlock& block : blocks_) x = block(x, xyz, level.near);
  return x;
}

TransformerEncoder::TransformerEncoder(torch::nn::Module& network, int64_t width) {
  for (int64_t l = 0; l < kLevels; ++l) {
    levels_.push_back(network.register_module(
        "enc" + std::to_string(l + 1),
        EncoderLevel(
            l == 0 ? 3 : channels_of(width, l - 1), channels_of(width, l), kBlocks[l], l == 0)));
  }
}

std::vector<at::Tensor> TransformerEncoder::operator()(
    const std::vector<TransformerLevel>& levels) {
  std::vector<at::Tensor> feats;
  at::Tensor x = levels[0].points.xyz;
  for (size_t l = 0; l < levels.size(); ++l) {
    feats.push_back(x = levels_[l](x, levels[l == 0 ? 0 : l - 1], levels[l]));
  }
  return feats;
}

DecoderTurnImpl::DecoderTurnImpl(int64_t channels, int64_t categories)
    : channels_(channels), categories_(categories) {
  reset();
}

void DecoderTurnImpl::reset() {
  turn_ = register_module("0", nn::TransitionTurn(channels_, categories_));
  block_ = register_module("1", VectorAttentionBlock(channels_));
}

at::Tensor DecoderTurnImpl::forward(const at::Tensor& feat,
                                    const at::Tensor& one_hot,
                                    const TransformerLevel& level) {
  return block_(turn_(feat, one_hot, level.points.offsets), level.points.xyz, level.near);
}

DecoderLevelImpl::DecoderLevelImpl(int64_t in, int64_t channels) : in_(in), channels_(channels) {
  reset();
}

void DecoderLevelImpl::reset() {
  up_ = register_module("0", nn::TransitionUp(in_, channels_));
  block_ = register_module("1", VectorAttentionBlock(channels_));
}

at::Tensor DecoderLevelImpl::forward(const at::Tensor& own,
                                     const TransformerLevel& level,
                                     const at::Tensor& feat,
                                     const TransformerLevel& below) {
  return block_(up_(own, level.points, feat, below.points), level.points.xyz, level.near);
}

PointHeadImpl::PointHeadImpl(int64_t channels, int64_t parts) : channels_(channels), parts_(parts) {
  reset();
}

void PointHeadImpl::reset() {
  hidden_ = register_module("hidden", SharedMlp(channels_, channels_, /*bias=*/true));
  scores_ = register_module("scores", torch::nn::Linear(channels_, parts_));
}

at::Tensor PointHeadImpl::forward(const at::Tensor& feat) {
  return nn::project(hidden_(feat), scores_->weight, scores_->bias);
}

PointTransformerSegmenter::PointTransformerSegmenter(int64_t parts,
                                                     int64_t categories,
                                                     int64_t width)
    : categories_(categories), width_(width), encoder_(*this, width) {
  turn_ = register_module("dec5", DecoderTurn(channels_of(width, kLevels - 1), categories));
  for (int64_t l = kLevels - 2; l >= 0; --l) {
    up_.push_back(register_module("dec" + std::to_string(l + 1),
                                  DecoderLevel(channels_of(width, l + 1), channels_of(width, l))));
  }
  cls_ = register_module("cls", PointHead(width, parts));
}

Scores PointTransformerSegmenter::forward(const PointBatch& batch, const at::Tensor& category) {
  check_batch("PointTransformerSegmenter", batch);
  const at::Tensor one_hot = category_one_hot(category, categories_, batch.xyz);
  const std::vector<TransformerLevel> levels = transformer_levels(batch);
  check_trainable(*this, levels.back());
  const std::vector<at::Tensor> feats = encoder_(levels);
  at::Tensor x = turn_(refine(feats.back(), levels.back().points), one_hot, levels.back());
  for (size_t l = levels.size() - 1; l-- > 0;) {
    x = up_[levels.size() - 2 - l](feats[l], levels[l], x, levels[l + 1]);
  }
  return {cls_(x), {}};
}

PointTransformerClassifier::PointTransformerClassifier(int64_t classes, int64_t width)
    : width_(width), encoder_(*this, width) {
  head1_ = register_module("head1", SharedMlp(channels_of(width, kLevels - 1), 256, /*bias=*/true));
  head2_ = register_module("head2", SharedMlp(256, 128, /*bias=*/true));
  scores_ = register_module("scores", torch::nn::Linear(128, classes));
}

Scores PointTransformerClassifier::forward(const PointBatch& batch,
                                           const at::Tensor& /*category*/) {
  check_batch("PointTransformerClassifier", batch);
  const std::vector<TransformerLevel> levels = transformer_levels(batch);
  check_trainable(*this, levels.back());
  const PointBatch& lowest = levels.back().points;
  const at::Tensor cloud =
      nn::mean_pool(refine(encoder_(levels).back(), lowest), lowest.offsets);  // [B,16 width]
  const at::Tensor wide = at::dropout(head1_(cloud), kDropout, is_training());
  return {scores_(at::dropout(head2_(wide), kDropout, is_training())), {}, cloud};
}

std::shared_ptr<Network> make_point_transformer(const ModelSpec& spec) {
  int64_t width = 32;
  OptionReader read("point_transformer", spec.options);
  read("width", width);
  read.finish();
  TORCH_CHECK_VALUE(width >= 8 && width <= kMaxWidth && width % 8 == 0,
                    "point_transformer: expected a width of 8, 16, …, ",
                    kMaxWidth,
                    ", got ",
                    width);
  if (spec.task == Task::kClassify) {
    return std::make_shared<PointTransformerClassifier>(spec.labels.num_categories(), width);
  }
  return std::make_shared<PointTransformerSegmenter>(
      spec.labels.num_parts(), spec.labels.num_categories(), width);
}

}  // namespace pointattn::models
