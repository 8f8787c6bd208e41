// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/part_teacher.h"

#include "pointattn/matching/losses.h"
#include "pointattn/matching/unit_rows.h"
#include "pointattn/nn/pooling.h"
#include "pointattn/train/captioned.h"

#include <ATen/ATen.h>

namespace pointattn::retrieval {
namespace {

using train::kBoxNumbers;

constexpr int64_t kEmbedding = 128;
constexpr double kStretch = 0.05;  // of the whole shape, along each axis of a box alike
constexpr double kShake = 0.02;    // of a number, relative
constexpr double kNoise = 0.003;   // of a number

/// How far each box reaches from its centre along x, y and z: [P,3].
at::Tensor reach_of(const at::Tensor& boxes) {
  const at::Tensor axes = boxes.narrow(1, 6, 9).view({-1, 3, 3});
  return (axes.abs() * boxes.narrow(1, 3, 3).unsqueeze(2)).sum(1) / 2;
}

}  // namespace

at::Tensor shaken_boxes(const at::Tensor& boxes, Random random) {
  TORCH_CHECK_VALUE(boxes.dim() == 2 && boxes.size(0) > 0 && boxes.size(1) == kBoxNumbers,
                    "shaken_boxes: expected boxes [P,",
                    kBoxNumbers,
                    "] with P > 0, got ",
                    boxes.sizes());
  const at::Tensor centre = boxes.narrow(1, 0, 3), reach = reach_of(boxes);
  const at::Tensor low = (centre - reach).amin(0), high = (centre + reach).amax(0);
  const double radius = ((high - low).norm() / 2).item<double>();
  at::Tensor out = boxes.clone();
  out.narrow(1, 0, 3).sub_((low + high) / 2);
  out.narrow(1, 0, 6).div_(radius > 0 ? radius : 1);
  if (random.chance(0.5)) {
    for (int64_t x = 0; x < kBoxNumbers; x += 3) {
      if (x != 3) out.select(1, x).neg_();
    }
  }
  const double stretch = random.uniform(1 - kStretch, 1 + kStretch);
  auto numbers = out.accessor<float, 2>();
  for (int64_t p = 0; p < out.size(0); ++p) {
    for (int64_t c = 0; c < 6; ++c) {
      const double factor = stretch * (1 + kShake * random.normal());
      numbers[p][c] = static_cast<float>(numbers[p][c] * factor + kNoise * random.normal());
    }
  }
  return out;
}

BoxSetEncoderImpl::BoxSetEncoderImpl(int64_t features, int64_t width)
    : features_(features), width_(width) {
  reset();
}

void BoxSetEncoderImpl::reset() {
  embed1_ = register_module("embed1", nn::SharedMlp(kBoxNumbers, kEmbedding));
  embed2_ = register_module("embed2", nn::SharedMlp(kEmbedding, features_));
  context1_ = register_module("context1", nn::SharedMlp(2 * features_, features_));
  context2_ = register_module("context2", nn::SharedMlp(2 * features_, features_));
  head_ = register_module("head",
                          nn::SharedMlp(features_, width_, /*bias=*/false, nn::Activation::kNone));
}

at::Tensor BoxSetEncoderImpl::forward(const at::Tensor& boxes, const at::Tensor& offsets) {
  at::Tensor feat = embed2_(embed1_(boxes));
  for (nn::SharedMlp* context : {&context1_, &context2_}) {
    const at::Tensor all = nn::repeat_per_point(nn::max_pool(feat, offsets), offsets);
    feat = feat + (*context)(at::cat({feat, all}, 1));
  }
  return head_(nn::max_pool(feat, offsets));
}

TaughtNetworkImpl::TaughtNetworkImpl(const RetrievalOptions& options, bool taught)
    : options_(options), taught_(taught) {
  TORCH_CHECK_VALUE(!taught || (options.shape.whole && options.text.whole),
                    "retrieval: expected the whole of each side, which a teacher needs, got parts "
                    "or phrases alone");
  reset();
}

void TaughtNetworkImpl::reset() {
  network = register_module("network", RetrievalNetwork(options_));
  if (!taught_) return;
  teacher = register_module("teacher", BoxSetEncoder(options_.shape.features, options_.width));
  log_scale = register_parameter("log_scale", network->log_scale.detach().clone());
}

at::Tensor teaching_loss(TaughtNetworkImpl& taught,
                         const at::Tensor& sentences,
                         const at::Tensor& shapes,
                         const at::Tensor& scores,
                         const std::vector<at::Tensor>& boxes) {
  const auto count = static_cast<int64_t>(boxes.size());
  std::vector<int64_t> counts;
  counts.reserve(boxes.size());
  for (const at::Tensor& of_shape : boxes) counts.push_back(of_shape.size(0));
  const at::Tensor vectors =
      matching::unit_rows(taught.teacher(at::cat(boxes), offsets_of(counts)));  // [B,E]
  const auto cosines = [&](const at::Tensor& side) {
    return matching::unit_rows(side.select(1, 0)).mm(vectors.t());
  };
  at::Tensor loss = matching::info_nce(cosines(shapes), taught.log_scale);
  const at::Tensor& scale = taught.network->log_scale;
  const auto own = scores.split(count), true_parts = cosines(sentences).split(count);
  for (size_t c = 0; c < own.size(); ++c) {
    const at::Tensor of_caption = matching::info_nce(true_parts[c], scale) +
                                  matching::distillation(own[c], true_parts[c], scale);
    loss = loss + of_caption / static_cast<double>(own.size());
  }
  return loss;
}

}  // namespace pointattn::retrieval
