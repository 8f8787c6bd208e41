// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/network.h"

#include "pointattn/models/options.h"
#include "pointattn/nn/pooling.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

namespace pointattn::retrieval {
namespace {

constexpr double kFirstTemperature = 0.07;
constexpr int64_t kLayers = 4;

void check_options(const RetrievalOptions& options) {
  const auto positive = [](const char* name, int64_t value, int64_t least) {
    TORCH_CHECK_VALUE(value >= least && value <= 65536,
                      "retrieval: expected ",
                      name,
                      " in ",
                      least,
                      " … 65536, got ",
                      value);
  };
  positive("patches", options.shape.patches, 0);
  positive("neighbors", options.shape.neighbors, 1);
  positive("channels", options.shape.channels, 1);
  positive("features", options.shape.features, 1);
  positive("parts", options.shape.parts, options.shape.whole ? 0 : 1);
  positive("hidden", options.shape.hidden, 1);
  positive("heads", options.shape.heads, 0);
  positive("width", options.width, 1);
  matching::check_options(options.score);
}

template <typename Options, typename Visit>
void for_each_shape_option(Options& options, Visit&& visit) {
  visit("patches", options.patches);
  visit("neighbors", options.neighbors);
  visit("channels", options.channels);
  visit("features", options.features);
  visit("parts", options.parts);
  visit("whole", options.whole);
  visit("hidden", options.hidden);
  visit("heads", options.heads);
}

/// The attention [M,R] to patches as one to points [N,R]: that of the patch with the nearest centre,
/// in equal shares.
at::Tensor share_out(const at::Tensor& attention,
                     const PointBatch& patches,
                     const PointBatch& points) {
  const at::Tensor patch = nn::nearest(points, patches, 1).squeeze(1);  // [N]
  const at::Tensor size = at::bincount(patch, {}, attention.size(0)).clamp_min(1);
  return (attention / size.unsqueeze(1)).index_select(0, patch);
}

}  // namespace

nlohmann::json to_json(const RetrievalOptions& options) {
  nlohmann::json shape;
  for_each_shape_option(options.shape,
                        [&](const char* name, const auto& field) { shape[name] = field; });
  return {{"shape", shape},
          {"text", text::to_json(options.text)},
          {"width", options.width},
          {"score", matching::to_json(options.score)}};
}

RetrievalOptions retrieval_options_from_json(const nlohmann::json& json) {
  RetrievalOptions options;
  nlohmann::json shape = nlohmann::json::object();
  nlohmann::json text = text::to_json(options.text);
  nlohmann::json score = nlohmann::json::object();
  models::OptionReader read("retrieval", json);
  read("shape", shape);
  read("text", text);
  read("width", options.width);
  read("score", score);
  read.finish();
  models::OptionReader read_shape("retrieval", shape);
  for_each_shape_option(options.shape,
                        [&](const char* name, auto& field) { read_shape(name, field); });
  read_shape.finish();
  options.text = text::sentence_encoder_options_from_json(text);
  options.score = matching::score_options_from_json(score);
  check_options(options);
  return options;
}

SideHeadImpl::SideHeadImpl(int64_t in, int64_t out, bool whole, bool rest)
    : in_(in), out_(out), has_whole_(whole), has_rest_(rest) {
  reset();
}

void SideHeadImpl::reset() {
  const auto head = [&](const char* name) {
    return register_module(name, nn::SharedMlp(in_, out_, /*bias=*/false, nn::Activation::kNone));
  };
  if (has_whole_) whole_ = head("whole");
  if (has_rest_) rest_ = head("rest");
}

at::Tensor SideHeadImpl::forward(const at::Tensor& rows) {
  const int64_t clouds = rows.size(0), front = has_whole_ ? 1 : 0, rest = rows.size(1) - front;
  std::vector<at::Tensor> out;
  if (has_whole_) out.push_back(whole_(rows.select(1, 0)).unsqueeze(1));
  if (has_rest_) {
    const at::Tensor behind = rows.narrow(1, front, rest).reshape({clouds * rest, in_});
    out.push_back(rest_(behind).view({clouds, rest, out_}));
  }
  return at::cat(out, 1);
}

ShapeEncoderImpl::ShapeEncoderImpl(const ShapeEncoderOptions& options, int64_t width)
    : options_(options), width_(width) {
  reset();
}

void ShapeEncoderImpl::reset() {
  if (options_.patches > 0) {
    patch_ =
        register_module("patch", nn::NeighborEmbedding(3, options_.channels, options_.neighbors));
  } else {
    embed1_ = register_module("embed1", nn::SharedMlp(3, options_.channels));
  }
  embed2_ = register_module("embed2", nn::SharedMlp(options_.channels, options_.channels));
  attention_ = register_module(
      "attention",
      models::AttentionStack(options_.channels, nn::AttentionKind::kOffset, /*with_input=*/false));
  fuse_ = register_module("fuse",
                          nn::SharedMlp(kLayers * options_.channels,
                                        options_.features,
                                        /*bias=*/false,
                                        nn::Activation::kLeakyReLU));
  if (options_.parts > 0) {
    parts_ =
        register_module("parts",
                        nn::PointToPartAttention(nn::PointToPartOptions{
                            options_.features, options_.hidden, options_.parts, options_.heads}));
  }
  head_ = register_module("head",
                          SideHead(options_.features, width_, options_.whole, options_.parts > 0));
}

Embedded ShapeEncoderImpl::forward(const PointBatch& batch, const at::Tensor& prior) {
  models::check_batch("retrieval", batch);
  // A row of what follows is a point, or a patch of points.
  const bool patched = !patch_.is_empty();
  const nn::Sampled patches =
      patched ? nn::sample_farthest(batch, options_.patches) : nn::Sampled{{}, batch};
  const at::Tensor& offsets = patches.batch.offsets;
  const at::Tensor first = patched ? patch_(batch, batch.xyz, patches) : embed1_(batch.xyz);
  const at::Tensor feat = fuse_(attention_(embed2_(first), offsets));  // [M,features]
  const at::Tensor whole = options_.whole ? nn::max_pool(feat, offsets) : at::Tensor();
  const at::Tensor shares = nn::equal_shares(batch.offsets, feat.options());
  if (parts_.is_empty()) {
    return {head_(whole.unsqueeze(1)), shares, at::zeros({batch.clouds()}, feat.options())};
  }
  const at::Tensor known =
      patched && prior.defined() ? prior.index_select(0, patches.index) : prior;
  const nn::Attended parts = parts_(feat, offsets, known, whole);
  const at::Tensor attention =
      patched ? share_out(parts.attention, patches.batch, batch) : parts.attention;  // [N,R]
  return {head_(parts.pooled),
          options_.whole ? at::cat({shares, attention}, 1) : attention,
          nn::overlap_penalty(parts.attention, offsets)};
}

RetrievalNetworkImpl::RetrievalNetworkImpl(const RetrievalOptions& options) : options_(options) {
  check_options(options);
  reset();
}

void RetrievalNetworkImpl::reset() {
  shape = register_module("shape", ShapeEncoder(options_.shape, options_.width));
  sentence = register_module("sentence", text::SentenceEncoder(options_.text));
  phrase = register_module(
      "phrase",
      SideHead(
          2 * options_.text.hidden, options_.width, options_.text.whole, options_.text.hops > 0));
  log_scale = register_parameter("log_scale", at::full({1}, -std::log(kFirstTemperature)));
}

Embedded RetrievalNetworkImpl::shapes(const PointBatch& batch, const at::Tensor& prior) {
  return shape(batch, prior);
}

Embedded RetrievalNetworkImpl::texts(const text::TokenBatch& tokens) {
  const text::Sentences read = sentence(tokens);
  return {phrase(read.hops), read.attention, read.penalty};
}

}  // namespace pointattn::retrieval
