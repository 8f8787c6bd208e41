// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/pct_unet.h"

#include "pointattn/core/check.h"
#include "pointattn/models/options.h"
#include "pointattn/nn/pooling.h"
#include "pointattn/nn/project.h"
#include "pointattn/nn/shape_features.h"
#include "pointattn/ops/gather.h"
#include "pointattn/ops/gather_max.h"
#include "pointattn/ops/interpolate.h"

#include <ATen/ATen.h>

namespace pointattn::models {
namespace {

using nn::Activation;
using nn::LocalDown;
using nn::LocalResidual;
using nn::nearest;
using nn::project;
using nn::RowNorm;
using nn::SharedMlp;

// Points of each level and the lengths that their coordinates are measured in, about the spacing of
// the points.
constexpr int64_t kFine = 1024;
constexpr int64_t kMiddle = 512;
constexpr int64_t kCoarse = 128;
constexpr double kFineLength = 0.1;
constexpr double kMiddleLength = 0.15;
constexpr double kCoarseLength = 0.3;

const std::vector<double> kRadii = {0.1, 0.2, 0.4};
constexpr int64_t kShapeFeatures = 17;  // five a radius and two geodesic ones
constexpr int64_t kLandmarks = 24;
constexpr int64_t kGraphNeighbors = 9;  // the point itself and eight more

constexpr double kDropout = 0.3;

torch::nn::Linear linear(int64_t in, int64_t out, bool bias = false) {
  return torch::nn::Linear(torch::nn::LinearOptions(in, out).bias(bias));
}

at::Tensor project(const torch::nn::Linear& layer, const at::Tensor& rows) {
  return nn::project(rows, layer->weight, layer->bias);
}

at::Tensor carry(const PointBatch& to, const PointBatch& from, const at::Tensor& feat) {
  return ops::interpolate(to.xyz, from.xyz, feat, to.offsets, from.offsets, 3);
}

}  // namespace

/// The sampled points and who is whose neighbour.
struct PctUnet::Levels {
  PointBatch fine, middle, coarse;
  at::Tensor fine_fine, middle_fine, middle_middle,
      coarse_middle;  // neighbours: of the first, among the second

  explicit Levels(const PointBatch& batch) {
    fine = nn::sample_farthest(batch, kFine).batch;
    middle = nn::take_first(fine, kMiddle).batch;
    coarse = nn::take_first(middle, kCoarse).batch;
    fine_fine = nearest(fine, fine, 16);
    middle_fine = nearest(middle, fine, 24);
    middle_middle = nearest(middle, middle, 16);
    coarse_middle = nearest(coarse, middle, 24);
  }
};

/// Features of each level and of the whole clouds.
struct PctUnet::Encoded {
  at::Tensor fine;    // [·,64]
  at::Tensor middle;  // [·,128]
  at::Tensor coarse;  // [·,256], after attention
  at::Tensor cloud;   // [B,512]
  at::Tensor guess;   // [B,categories]
};

PctUnet::PctUnet(int64_t parts, int64_t categories) : categories_(categories) {
  edge1_ = register_module("edge1", SharedMlp(3, 32));
  edge2_ = register_module("edge2", linear(32, 32));
  point_ = register_module("point", linear(3, 32));
  shape_norm_ = register_module("shape_norm", RowNorm(kShapeFeatures, Activation::kNone));
  shape_ = register_module("shape", linear(kShapeFeatures, 32));
  embed_norm_ = register_module("embed_norm", RowNorm(96));
  embed_ = register_module("embed", linear(96, 64));
  fine1_ = register_module("fine1", LocalResidual(64));
  fine2_ = register_module("fine2", LocalResidual(64));
  down1_ = register_module("down1", LocalDown(64, 128));
  mid1_ = register_module("mid1", LocalResidual(128));
  mid2_ = register_module("mid2", LocalResidual(128));
  down2_ = register_module("down2", LocalDown(128, 256));
  position_ = register_module("position", linear(3, 256));
  attention_ = register_module(
      "attention", AttentionStack(256, nn::AttentionKind::kOffset, /*with_input=*/true));
  fuse_ = register_module("fuse", SharedMlp(1280, 256));
  guess1_ = register_module("guess1", linear(832, 256, /*bias=*/true));
  guess2_ = register_module("guess2", linear(256, categories, /*bias=*/true));
  coarse_ = register_module("coarse", linear(256, 256));
  coarse_global_ = register_module("coarse_global", linear(512, 256));
  coarse_category_ = register_module("coarse_category", linear(categories, 256));
  coarse_norm_ = register_module("coarse_norm", RowNorm(256));
  up1_ = register_module("up1", SharedMlp(384, 192));
  up0_ = register_module("up0", SharedMlp(256, 128));
  query_own_ = register_module("query_own", linear(128, 128));
  query_near_ = register_module("query_near", linear(128, 128));
  query_position_ = register_module("query_position", linear(3, 128));
  query_category_ = register_module("query_category", linear(categories, 128));
  query_norm_ = register_module("query_norm", RowNorm(128));
  head_ = register_module("head", SharedMlp(128, 128));
  scores_ = register_module("scores", linear(128, parts, /*bias=*/true));
}

at::Tensor PctUnet::embed(const Levels& levels) {
  const at::Tensor& xyz = levels.fine.xyz;
  const int64_t K = levels.fine_fine.size(1);
  const at::Tensor edges =
      (ops::gather(xyz, levels.fine_fine) - xyz.unsqueeze(1)) / kFineLength;  // [N,K,3]
  const at::Tensor edge =
      project(edge2_, edge1_(edges.view({-1, 3}))).view({-1, K, 32}).amax(1);  // [N,32]
  const at::Tensor shape =
      at::cat({nn::covariance_features(levels.fine, kRadii),
               nn::geodesic_features(
                   levels.fine, levels.fine_fine.narrow(1, 0, kGraphNeighbors), kLandmarks)},
              1);
  const at::Tensor all = at::cat({edge, point_(xyz), shape_(shape_norm_(shape))}, 1);  // [N,96]
  return project(embed_, embed_norm_(all));
}

PctUnet::Encoded PctUnet::encode(const Levels& levels) {
  const auto [fine, middle, coarse] = std::tie(levels.fine, levels.middle, levels.coarse);
  at::Tensor f0 = embed(levels);  // [N0,64]
  f0 = fine1_(f0, fine.xyz / kFineLength, levels.fine_fine);
  f0 = fine2_(f0, fine.xyz / kFineLength, levels.fine_fine);
  at::Tensor f1 =
      down1_(f0, fine.xyz / kFineLength, middle.xyz / kFineLength, levels.middle_fine);  // [N1,128]
  f1 = mid1_(f1, middle.xyz / kMiddleLength, levels.middle_middle);
  f1 = mid2_(f1, middle.xyz / kMiddleLength, levels.middle_middle);
  at::Tensor f2 =
      down2_(f1, middle.xyz / kCoarseLength, coarse.xyz / kCoarseLength, levels.coarse_middle);
  f2 = refine(f2 + position_(coarse.xyz), coarse);
  f2 = fuse_(attention_(f2, coarse.offsets));  // [N2,256] → [N2,1280] → [N2,256]
  const at::Tensor cloud =
      at::cat({nn::max_pool(f2, coarse.offsets), nn::mean_pool(f2, coarse.offsets)}, 1);
  const at::Tensor pooled = at::cat({cloud,
                                     nn::max_pool(f1, middle.offsets),
                                     nn::mean_pool(f1, middle.offsets),
                                     nn::max_pool(f0, fine.offsets)},
                                    1);
  const at::Tensor hidden = at::dropout(at::relu(guess1_(pooled)), kDropout, is_training());
  return {f0, f1, f2, cloud, guess2_(hidden)};
}

at::Tensor PctUnet::decode(const PointBatch& batch,
                           const Levels& levels,
                           const Encoded& encoded,
                           const at::Tensor& one_hot) {
  const at::Tensor whole = coarse_global_(encoded.cloud) + coarse_category_(one_hot);  // [B,256]
  at::Tensor d = coarse_norm_(project(coarse_, encoded.coarse) +
                              nn::repeat_per_point(whole, levels.coarse.offsets));
  d = up1_(at::cat({carry(levels.middle, levels.coarse, d), encoded.middle}, 1));  // [N1,192]
  d = up0_(at::cat({carry(levels.fine, levels.middle, d), encoded.fine}, 1));      // [N0,128]
  const at::Tensor near = project(query_near_, d) + query_position_(levels.fine.xyz / kFineLength);
  at::Tensor q = project(query_own_, carry(batch, levels.fine, d)) +
                 ops::gather_max(near, nearest(batch, levels.fine, 8)) -
                 query_position_(batch.xyz / kFineLength) +
                 nn::repeat_per_point(query_category_(one_hot), batch.offsets);
  q = head_(query_norm_(q));  // [N,128]
  return project(scores_, at::dropout(q, kDropout, is_training()));
}

Scores PctUnet::forward(const PointBatch& batch, const at::Tensor& category) {
  ShapeCheck check("PctUnet");
  check(batch.xyz, "xyz", {"N", 3});
  (void)checked_offsets("PctUnet", batch.offsets, "offsets", batch.points());
  const Levels levels(batch);
  const Encoded encoded = encode(levels);
  return {decode(batch, levels, encoded, category_one_hot(category, categories_, batch.xyz)),
          encoded.guess};
}

std::shared_ptr<Network> make_pct_unet(const ModelSpec& spec) {
  OptionReader("pct_unet", spec.options).finish();
  return std::make_shared<PctUnet>(spec.labels.num_parts(), spec.labels.num_categories());
}

}  // namespace pointattn::models
