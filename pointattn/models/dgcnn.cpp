// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/dgcnn.h"

#include "pointattn/models/options.h"
#include "pointattn/nn/pooling.h"

#include <ATen/ATen.h>

namespace pointattn::models {
namespace {

using nn::Activation;
using nn::EdgeConv;
using nn::feature_graph;
using nn::FrozenLinear;
using nn::SharedMlp;

constexpr double kDropout = 0.5;
constexpr int64_t kWide = 1024;         // features of a point before the pooling
constexpr int64_t kCloud = kWide + 64;  // maximum, category
constexpr int64_t kOwn = 3 * 64;        // what the head sees of the point itself

SharedMlp leaky(int64_t in, int64_t out) {
  return SharedMlp(in, out, /*bias=*/false, Activation::kLeakyReLU);
}

}  // namespace

DgcnnClassifier::DgcnnClassifier(int64_t classes, int64_t neighbors) : neighbors_(neighbors) {
  edge1_ = register_module("edge1", EdgeConv(3, 64));
  edge2_ = register_module("edge2", EdgeConv(64, 64));
  edge3_ = register_module("edge3", EdgeConv(64, 128));
  edge4_ = register_module("edge4", EdgeConv(128, 256));
  fuse_ = register_module("fuse", leaky(512, kWide));
  head_ = register_module("head", ClassifierHead(classes, 2 * kWide));
}

Scores DgcnnClassifier::forward(const PointBatch& batch, const at::Tensor& /*category*/) {
  check_batch("DgcnnClassifier", batch);
  const at::Tensor& offsets = batch.offsets;
  const auto graph = [&](const at::Tensor& feat) {
    return feature_graph(feat, offsets, neighbors_);
  };
  const at::Tensor x1 = edge1_(batch.xyz, graph(batch.xyz));    // [N,64]
  const at::Tensor x2 = edge2_(x1, graph(x1));                  // [N,64]
  const at::Tensor x3 = refine(edge3_(x2, graph(x2)), batch);   // [N,128]
  const at::Tensor x4 = edge4_(x3, graph(x3));                  // [N,256]
  const at::Tensor wide = fuse_(at::cat({x1, x2, x3, x4}, 1));  // [N,1024]
  const at::Tensor pooled = at::cat({nn::max_pool(wide, offsets), nn::mean_pool(wide, offsets)}, 1);
  return {head_(pooled), {}, pooled};
}

SpatialTransformImpl::SpatialTransformImpl() { reset(); }

void SpatialTransformImpl::reset() {
  edge_ = register_module("edge", EdgeConv(3, 64, 128));
  fuse_ = register_module("fuse", leaky(128, kWide));
  first_ = register_module("first", leaky(kWide, 512));
  second_ = register_module("second", leaky(512, 256));
  matrix_ = register_module("matrix", torch::nn::Linear(256, 9));
  const at::NoGradGuard no_grad;
  matrix_->weight.zero_();
  matrix_->bias.copy_(at::eye(3).view({9}));
}

at::Tensor SpatialTransformImpl::forward(const at::Tensor& xyz,
                                         const at::Tensor& offsets,
                                         const at::Tensor& index) {
  const at::Tensor wide = fuse_(edge_(xyz, index));                       // [N,1024]
  const at::Tensor cloud = second_(first_(nn::max_pool(wide, offsets)));  // [B,256]
  return matrix_(cloud).view({-1, 3, 3});
}

DgcnnSegmenter::DgcnnSegmenter(int64_t parts, int64_t categories, int64_t neighbors)
    : categories_(categories), neighbors_(neighbors) {
  transform_ = register_module("transform", SpatialTransform());
  edge1_ = register_module("edge1", EdgeConv(3, 64, 64));
  edge2_ = register_module("edge2", EdgeConv(64, 64, 64));
  edge3_ = register_module("edge3", EdgeConv(64, 64));
  fuse_ = register_module("fuse", leaky(kOwn, kWide));
  label_ = register_module("label", leaky(categories, 64));
  head1_ = register_module("head1", leaky(kCloud + kOwn, 256));
  head2_ = register_module("head2", leaky(256, 256));
  head3_ = register_module("head3", leaky(256, 128));
  scores_ = register_module("scores",
                            torch::nn::Linear(torch::nn::LinearOptions(128, parts).bias(false)));
}

void DgcnnSegmenter::train(bool on) {
  Network::train(on);
  frozen_own_ = {};
}

void DgcnnSegmenter::freeze(nn::Precision precision) {
  const at::NoGradGuard no_grad;
  const auto [scale, shift] = nn::fixed_norm(*head1_->norm);
  const at::Tensor weight = head1_->linear->weight * scale.unsqueeze(1);
  frozen_cloud_ = FrozenLinear(weight.narrow(1, 0, kCloud), shift, Activation::kNone, precision);
  frozen_own_ = FrozenLinear(weight.narrow(1, kCloud, kOwn), {}, Activation::kNone, precision);
  frozen_scores_ = FrozenLinear(scores_->weight, {}, Activation::kNone, precision);
}

/// The outputs of the edge convolutions side by side, [N,192].
at::Tensor DgcnnSegmenter::local_features(const PointBatch& batch) {
  const at::Tensor& offsets = batch.offsets;
  const auto graph = [&](const at::Tensor& feat) {
    return feature_graph(feat, offsets, neighbors_);
  };
  const at::Tensor turn = transform_(batch.xyz, offsets, graph(batch.xyz)).view({-1, 9});
  const at::Tensor turns = nn::repeat_per_point(turn, offsets).view({-1, 3, 3});
  const at::Tensor xyz = (batch.xyz.unsqueeze(2) * turns).sum(1);  // x T of its cloud
  const at::Tensor x1 = edge1_(xyz, graph(xyz));
  const at::Tensor x2 = refine(edge2_(x1, graph(x1)), batch);
  const at::Tensor x3 = edge3_(x2, graph(x2));
  return at::cat({x1, x2, x3}, 1);
}

/// The head's first layer on [cloud, own]: the part that all points of a cloud share is multiplied
/// once a cloud, not once a point.
at::Tensor DgcnnSegmenter::head_input(const at::Tensor& own,
                                      const at::Tensor& cloud,
                                      const at::Tensor& offsets) {
  if (frozen_own_ && !at::GradMode::is_enabled()) {
    const at::Tensor shared = nn::repeat_per_point(frozen_cloud_(cloud), offsets);
    return at::leaky_relu_(frozen_own_(own).add_(shared), nn::kLeakySlope);
  }
  const at::Tensor weight = head1_->linear->weight;
  const at::Tensor shared = at::linear(cloud, weight.narrow(1, 0, kCloud));
  return head1_->norm(at::linear(own, weight.narrow(1, kCloud, kOwn)) +
                      nn::repeat_per_point(shared, offsets));
}

Scores DgcnnSegmenter::forward(const PointBatch& batch, const at::Tensor& category) {
  check_batch("DgcnnSegmenter", batch);
  const at::Tensor& offsets = batch.offsets;
  const at::Tensor label = label_(category_one_hot(category, categories_, batch.xyz));  // [B,64]
  const at::Tensor own = local_features(batch);                                         // [N,192]
  const at::Tensor cloud = at::cat({nn::max_pool(fuse_(own), offsets), label}, 1);      // [B,1088]
  at::Tensor h = at::dropout(head_input(own, cloud, offsets), kDropout, is_training());
  h = head3_(at::dropout(head2_(h), kDropout, is_training()));  // [N,256] → [N,128]
  if (frozen_own_ && !at::GradMode::is_enabled()) return {frozen_scores_(h), {}};
  return {scores_(h), {}};
}

std::shared_ptr<Network> make_dgcnn(const ModelSpec& spec) {
  int64_t neighbors = spec.task == Task::kClassify ? 20 : 40;
  OptionReader read("dgcnn", spec.options);
  read("neighbors", neighbors);
  read.finish();
  TORCH_CHECK_VALUE(
      neighbors > 0, "dgcnn: expected option neighbors of at least 1, got ", neighbors);
  if (spec.task == Task::kClassify) {
    return std::make_shared<DgcnnClassifier>(spec.labels.num_categories(), neighbors);
  }
  return std::make_shared<DgcnnSegmenter>(
      spec.labels.num_parts(), spec.labels.num_categories(), neighbors);
}

}  // namespace pointattn::models
