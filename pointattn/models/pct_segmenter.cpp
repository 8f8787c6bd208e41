// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/check.h"
#include "pointattn/models/pct.h"
#include "pointattn/nn/pooling.h"

#include <ATen/ATen.h>

namespace pointattn::models {
namespace {

using nn::Activation;
using nn::AttentionKind;
using nn::FrozenLinear;
using nn::SharedMlp;

constexpr double kDropout = 0.5;
constexpr int64_t kWide = 1024;             // features of a point after the fuse layer
constexpr int64_t kCloud = 2 * kWide + 64;  // maximum, mean, category

/// Rows that inference takes through the wide layers at a time: their [1024,1024] features stay in
/// the caches and [N,1024] is never stored.
constexpr int64_t kChunk = 1024;

/// Calls work(begin, rows) for each chunk of [begin, end).
template <typename Work>
void for_each_chunk(int64_t begin, int64_t end, const Work& work) {
  for (int64_t c = begin; c < end; c += kChunk) work(c, std::min(kChunk, end - c));
}

}  // namespace

PctSegmenter::PctSegmenter(int64_t parts, int64_t categories, AttentionKind kind)
    : categories_(categories) {
  embed1_ = register_module("embed1", SharedMlp(3, 128));
  embed2_ = register_module("embed2", SharedMlp(128, 128));
  attention_ = register_module("attention", AttentionStack(128, kind, /*with_input=*/false));
  fuse_ = register_module("fuse", SharedMlp(512, kWide, /*bias=*/false, Activation::kLeakyReLU));
  label_ =
      register_module("label", SharedMlp(categories, 64, /*bias=*/false, Activation::kLeakyReLU));
  head1_ = register_module("head1", SharedMlp(kWide + kCloud, 512, /*bias=*/true));
  head2_ = register_module("head2", SharedMlp(512, 256, /*bias=*/true));
  scores_ = register_module("scores", torch::nn::Linear(256, parts));
}

void PctSegmenter::train(bool on) {
  Network::train(on);
  frozen_own_ = {};
}

// W [x, cloud] = W_x x + W_cloud cloud: the part that all points of a cloud share is multiplied once
// a cloud, not once a point.
void PctSegmenter::freeze(nn::Precision precision) {
  const at::NoGradGuard no_grad;
  const auto [scale, shift] = nn::fixed_norm(*head1_->norm);
  const at::Tensor weight = head1_->linear->weight * scale.unsqueeze(1);
  frozen_own_ = FrozenLinear(weight.narrow(1, 0, kWide), {}, Activation::kNone, precision);
  frozen_cloud_ = FrozenLinear(weight.narrow(1, kWide, kCloud),
                               head1_->linear->bias * scale + shift,
                               Activation::kNone,
                               precision);
  frozen_scores_ = FrozenLinear(scores_->weight, scores_->bias, Activation::kNone, precision);
}

Scores PctSegmenter::forward(const PointBatch& batch, const at::Tensor& category) {
  check_batch("PctSegmenter", batch);
  const at::Tensor& offsets = batch.offsets;
  const at::Tensor embedded = refine(embed2_(embed1_(batch.xyz)), batch);               // [N,128]
  const at::Tensor label = label_(category_one_hot(category, categories_, batch.xyz));  // [B,64]
  if (frozen_own_ && !at::GradMode::is_enabled()) {
    return {infer(attention_->layers(embedded, offsets), label, offsets), {}};
  }
  const at::Tensor x = fuse_(attention_(embedded, offsets));  // [N,1024]
  const at::Tensor cloud = at::cat({nn::max_pool(x, offsets), nn::mean_pool(x, offsets), label}, 1);
  const at::Tensor weight = head1_->linear->weight;
  const at::Tensor own = at::linear(x, weight.narrow(1, 0, kWide));
  const at::Tensor shared =
      at::linear(cloud, weight.narrow(1, kWide, kCloud), head1_->linear->bias);
  at::Tensor h = head1_->norm(own + nn::repeat_per_point(shared, offsets));  // [N,512]
  h = head2_(at::dropout(h, kDropout, is_training()));
  return {scores_(h), {}};
}

/// The same behind the attention, chunk by chunk. The head's first layer takes its own part of each
/// chunk at once, so the wide features need not wait for the maximum and mean of their cloud.
at::Tensor PctSegmenter::infer(const std::vector<at::Tensor>& attended,
                               const at::Tensor& label,
                               const at::Tensor& offsets) {
  const std::vector<int64_t> starts =
      checked_offsets("PctSegmenter", offsets, "offsets", attended[0].size(0));
  const auto options = label.options();
  std::vector<at::Tensor> own;  // of each chunk
  at::Tensor cloud = at::zeros({label.size(0), kCloud}, options);
  cloud.narrow(1, 2 * kWide, label.size(1)).copy_(label);
  cloud.narrow(1, 0, kWide).fill_(-std::numeric_limits<float>::infinity());
  for (size_t b = 0; b + 1 < starts.size(); ++b) {
    at::Tensor max = cloud[static_cast<int64_t>(b)].narrow(0, 0, kWide);
    at::Tensor sum = cloud[static_cast<int64_t>(b)].narrow(0, kWide, kWide);
    TORCH_CHECK_VALUE(starts[b + 1] > starts[b],
                      "PctSegmenter: expected a point in every cloud, got none in cloud ",
                      b);
    for_each_chunk(starts[b], starts[b + 1], [&](int64_t begin, int64_t rows) {
      std::vector<at::Tensor> parts;
      parts.reserve(attended.size());
      for (const at::Tensor& layer : attended) parts.push_back(layer.narrow(0, begin, rows));
      const at::Tensor wide = fuse_(at::cat(parts, 1));
      at::maximum_out(max, max, wide.amax(0));
      sum.add_(wide.sum(0));
      own.push_back(frozen_own_(wide));
    });
    sum.div_(starts[b + 1] - starts[b]);
  }
  const at::Tensor shared = frozen_cloud_(cloud);  // [B,512]
  std::vector<at::Tensor> scores{at::empty({0, scores_->options.out_features()}, options)};
  auto chunk = own.begin();
  for (size_t b = 0; b + 1 < starts.size(); ++b) {
    for_each_chunk(starts[b], starts[b + 1], [&](int64_t, int64_t) {
      chunk->add_(shared[static_cast<int64_t>(b)]).relu_();
      scores.push_back(frozen_scores_(head2_(*chunk)));
      (chunk++)->reset();
    });
  }
  return at::cat(scores);
}

at::Tensor category_one_hot(const at::Tensor& category,
                            int64_t categories,
                            const at::Tensor& like) {
  ShapeCheck check("category");
  check(category, "category", {"B"});
  const at::Tensor ids = category.to(at::kLong);
  const bool good = ids.numel() == 0 || (ids.min().item<int64_t>() >= kUnknownCategory &&
                                         ids.max().item<int64_t>() < categories);
  TORCH_CHECK_VALUE(
      good, "category: expected ids from -1 (unknown) to ", categories - 1, ", got ", ids);
  const at::Tensor all = at::arange(categories, ids.options()).unsqueeze(0);
  return ids.unsqueeze(1).eq(all).to(like.options());
}

}  // namespace pointattn::models
