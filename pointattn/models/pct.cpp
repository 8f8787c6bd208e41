// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/pct.h"

#include "pointattn/core/check.h"
#include "pointattn/models/options.h"
#include "pointattn/nn/pooling.h"

#include <ATen/ATen.h>

namespace pointattn::models {
namespace {

using nn::Activation;
using nn::AttentionKind;
using nn::NeighborEmbedding;
using nn::SharedMlp;

constexpr int64_t kLayers = 4;
constexpr int64_t kNeighbors = 32;
constexpr double kDropout = 0.5;

}  // namespace

void check_batch(const char* name, const PointBatch& batch) {
  ShapeCheck check(name);
  check(batch.xyz, "xyz", {"N", 3});
  (void)checked_offsets(name, batch.offsets, "offsets", batch.points());
}

AttentionStackImpl::AttentionStackImpl(int64_t channels, AttentionKind kind, bool with_input)
    : channels_(channels), kind_(kind), with_input_(with_input) {
  reset();
}

void AttentionStackImpl::reset() {
  layers_.clear();
  for (int64_t i = 0; i < kLayers; ++i) {
    layers_.push_back(register_module(std::to_string(i), nn::OffsetAttention(channels_, kind_)));
  }
}

std::vector<at::Tensor> AttentionStackImpl::layers(const at::Tensor& feat,
                                                   const at::Tensor& offsets) {
  std::vector<at::Tensor> outputs;
  at::Tensor x = feat;
  for (nn::OffsetAttention& layer : layers_) outputs.push_back(x = layer(x, offsets));
  return outputs;
}

at::Tensor AttentionStackImpl::forward(const at::Tensor& feat, const at::Tensor& offsets) {
  std::vector<at::Tensor> outputs = layers(feat, offsets);
  if (with_input_) outputs.push_back(feat);
  return at::cat(outputs, 1);
}

ClassifierHeadImpl::ClassifierHeadImpl(int64_t classes, int64_t in) : classes_(classes), in_(in) {
  reset();
}

void ClassifierHeadImpl::reset() {
  first_ = register_module("first", SharedMlp(in_, 512, /*bias=*/false, Activation::kLeakyReLU));
  second_ = register_module("second", SharedMlp(512, 256, /*bias=*/true, Activation::kLeakyReLU));
  scores_ = register_module("scores", torch::nn::Linear(256, classes_));
}

at::Tensor ClassifierHeadImpl::forward(const at::Tensor& pooled) {
  const at::Tensor wide = at::dropout(first_(pooled), kDropout, is_training());
  return scores_(at::dropout(second_(wide), kDropout, is_training()));
}

PctClassifier::PctClassifier(int64_t classes) {
  embed1_ = register_module("embed1", SharedMlp(3, 64));
  embed2_ = register_module("embed2", SharedMlp(64, 64));
  group1_ = register_module("group1", NeighborEmbedding(64, 128, kNeighbors));
  group2_ = register_module("group2", NeighborEmbedding(128, 256, kNeighbors));
  before1_ = register_module("before1", SharedMlp(256, 256));
  before2_ = register_module("before2", SharedMlp(256, 256));
  attention_ = register_module("attention",
                               AttentionStack(256, AttentionKind::kOffset, /*with_input=*/false));
  fuse_ = register_module("fuse", SharedMlp(1280, 1024, /*bias=*/false, Activation::kLeakyReLU));
  head_ = register_module("head", ClassifierHead(classes));
}

Scores PctClassifier::forward(const PointBatch& batch, const at::Tensor& /*category*/) {
  check_batch("PctClassifier", batch);
  at::Tensor x = embed2_(embed1_(batch.xyz));  // [N,64]
  const nn::Sampled half = nn::sample_farthest(batch, 512);
  x = group1_(batch, x, half);  // [512 B,128]
  const nn::Sampled quarter = nn::sample_farthest(half.batch, 256);
  x = group2_(half.batch, x, quarter);  // [256 B,256]
  const at::Tensor offsets = quarter.batch.offsets;
  const at::Tensor attended = attention_(refine(before2_(before1_(x)), quarter.batch), offsets);
  x = fuse_(at::cat({attended, x}, 1));  // [256 B,1280] → [256 B,1024]
  const at::Tensor pooled = nn::max_pool(x, offsets);
  return {head_(pooled), {}, pooled};
}

NaivePctClassifier::NaivePctClassifier(int64_t classes, AttentionKind kind) {
  embed1_ = register_module("embed1", SharedMlp(3, 128));
  embed2_ = register_module("embed2", SharedMlp(128, 128));
  attention_ = register_module("attention", AttentionStack(128, kind, /*with_input=*/false));
  fuse_ = register_module("fuse", SharedMlp(512, 1024, /*bias=*/false, Activation::kLeakyReLU));
  head_ = register_module("head", ClassifierHead(classes));
}

Scores NaivePctClassifier::forward(const PointBatch& batch, const at::Tensor& /*category*/) {
  check_batch("NaivePctClassifier", batch);
  const at::Tensor embedded = refine(embed2_(embed1_(batch.xyz)), batch);  // [N,128]
  const at::Tensor x = fuse_(attention_(embedded, batch.offsets));         // [N,1024]
  const at::Tensor pooled = nn::max_pool(x, batch.offsets);
  return {head_(pooled), {}, pooled};
}

std::shared_ptr<Network> make_pct(const ModelSpec& spec) {
  OptionReader("pct", spec.options).finish();
  if (spec.task == Task::kClassify)
    return std::make_shared<PctClassifier>(spec.labels.num_categories());
  return std::make_shared<PctSegmenter>(
      spec.labels.num_parts(), spec.labels.num_categories(), AttentionKind::kOffset);
}

std::shared_ptr<Network> make_npct(const ModelSpec& spec) {
  OptionReader("npct", spec.options).finish();
  if (spec.task == Task::kClassify) {
    return std::make_shared<NaivePctClassifier>(spec.labels.num_categories(), AttentionKind::kSelf);
  }
  return std::make_shared<PctSegmenter>(
      spec.labels.num_parts(), spec.labels.num_categories(), AttentionKind::kSelf);
}

std::shared_ptr<Network> make_spct(const ModelSpec& spec) {
  OptionReader("spct", spec.options).finish();
  if (spec.task == Task::kSegment) return make_pct({"pct", spec.task, spec.options, spec.labels});
  return std::make_shared<NaivePctClassifier>(spec.labels.num_categories(), AttentionKind::kOffset);
}

}  // namespace pointattn::models
