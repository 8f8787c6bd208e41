// SPDX-License-Identifier: Apache-2.0
#include "pointattn/text/sentence_encoder.h"

#include "pointattn/core/check.h"
#include "pointattn/core/point_batch.h"
#include "pointattn/models/options.h"
#include "pointattn/nn/pooling.h"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>
#include <torch/nn/utils/rnn.h>

#include <algorithm>
#include <numeric>

namespace pointattn::text {
namespace {

using at::indexing::Slice;
using torch::nn::utils::rnn::PackedSequence;

constexpr double kTableDeviation = 0.1;
constexpr int64_t kLargest = int64_t{1} << 20;

void check_options(const SentenceEncoderOptions& options) {
  const auto size = [](const char* name, int64_t value, int64_t least) {
    TORCH_CHECK_VALUE(value >= least && value <= kLargest,
                      "SentenceEncoder: expected ",
                      name,
                      " in ",
                      least,
                      " … ",
                      kLargest,
                      ", got ",
                      value);
  };
  size("words", options.words, 0);
  size("buckets", options.buckets, 1);
  size("width", options.width, 1);
  size("hidden", options.hidden, 1);
  size("attention_hidden", options.attention_hidden, 1);
  size("hops", options.hops, options.whole ? 0 : 1);
  const auto share = [](const char* name, double value) {
    TORCH_CHECK_VALUE(value >= 0 && value < 1,
                      "SentenceEncoder: expected ",
                      name,
                      " of at least 0 and below 1, got ",
                      value);
  };
  share("dropout", options.dropout);
  share("unknown", options.unknown);
}

void check_ids(const at::Tensor& ids, const char* name, int64_t rows) {
  TORCH_CHECK_VALUE(ids.scalar_type() == at::kLong && ids.dim() == 1,
                    "SentenceEncoder: expected ",
                    name,
                    " int64 [*], got ",
                    ids.scalar_type(),
                    " ",
                    ids.sizes());
  if (ids.numel() == 0) return;
  const auto [least, most] = at::aminmax(ids);
  TORCH_CHECK_VALUE(least.item<int64_t>() >= 0 && most.item<int64_t>() < rows,
                    "SentenceEncoder: expected ",
                    name,
                    " in 0 … ",
                    rows - 1,
                    ", got ",
                    least.item<int64_t>(),
                    " … ",
                    most.item<int64_t>());
}

/// Rows of a ragged batch in the order in which an LSTM takes them: word by word, at each word
/// all sentences that reach it, longer ones first.
struct Packing {
  at::Tensor order;        ///< [L]
  at::Tensor back;         ///< [L], the inverse permutation
  at::Tensor batch_sizes;  ///< [longest sentence], sentences that reach word t
};

Packing pack(const std::vector<int64_t>& offsets) {
  const size_t sentences = offsets.size() - 1;
  const auto length = [&](size_t b) { return offsets[b + 1] - offsets[b]; };
  std::vector<size_t> by_length(sentences);
  std::iota(by_length.begin(), by_length.end(), size_t{0});
  std::stable_sort(by_length.begin(), by_length.end(), [&](size_t a, size_t b) {
    return length(a) > length(b);
  });
  std::vector<int64_t> order;
  std::vector<int64_t> back(static_cast<size_t>(offsets.back()));
  std::vector<int64_t> batch_sizes;
  order.reserve(back.size());
  size_t active = sentences;
  for (int64_t t = 0; order.size() < back.size(); ++t) {
    while (length(by_length[active - 1]) <= t) --active;
    for (size_t i = 0; i < active; ++i) {
      const int64_t row = offsets[by_length[i]] + t;
      back[static_cast<size_t>(row)] = static_cast<int64_t>(order.size());
      order.push_back(row);
    }
    batch_sizes.push_back(static_cast<int64_t>(active));
  }
  const auto tensor = [](const std::vector<int64_t>& values) {
    return at::tensor(values, at::kLong);
  };
  return {tensor(order), tensor(back), tensor(batch_sizes)};
}

/// Sentence b of a batch, on its own.
TokenBatch sentence(const TokenBatch& tokens, const std::vector<int64_t>& offsets, size_t b) {
  const Slice words(offsets[b], offsets[b + 1]);
  const at::Tensor bounds = tokens.ngram_offsets.index({Slice(offsets[b], offsets[b + 1] + 1)});
  const auto first = bounds[0].item<int64_t>();
  const auto last = bounds[-1].item<int64_t>();
  return {tokens.word.index({words}),
          tokens.ngram.index({Slice(first, last)}),
          bounds - first,
          offsets_of({offsets[b + 1] - offsets[b]})};
}

}  // namespace

nlohmann::json to_json(const SentenceEncoderOptions& options) {
  return {{"words", options.words},
          {"buckets", options.buckets},
          {"width", options.width},
          {"hidden", options.hidden},
          {"attention_hidden", options.attention_hidden},
          {"hops", options.hops},
          {"whole", options.whole},
          {"dropout", options.dropout},
          {"unknown", options.unknown}};
}

SentenceEncoderOptions sentence_encoder_options_from_json(const nlohmann::json& json) {
  SentenceEncoderOptions options;
  models::OptionReader read("SentenceEncoder", json);
  read("words", options.words);
  read("buckets", options.buckets);
  read("width", options.width);
  read("hidden", options.hidden);
  read("attention_hidden", options.attention_hidden);
  read("hops", options.hops);
  read("whole", options.whole);
  read("dropout", options.dropout);
  read("unknown", options.unknown);
  read.finish();
  check_options(options);
  return options;
}

SentenceEncoderImpl::SentenceEncoderImpl(const SentenceEncoderOptions& options)
    : options_(options) {
  check_options(options);
  reset();
}

void SentenceEncoderImpl::reset() {
  word = register_module("word", torch::nn::Embedding(options_.words + 1, options_.width));
  ngram = register_module(
      "ngram",
      torch::nn::EmbeddingBag(torch::nn::EmbeddingBagOptions(options_.buckets, options_.width)
                                  .mode(torch::kMean)
                                  .include_last_offset(true)));
  lstm = register_module(
      "lstm",
      torch::nn::LSTM(torch::nn::LSTMOptions(options_.width, options_.hidden).bidirectional(true)));
  if (options_.hops > 0) {
    attention = register_module(
        "attention",
        nn::StructuredAttention(2 * options_.hidden, options_.attention_hidden, options_.hops));
  }
  const at::NoGradGuard no_grad;
  word->weight.normal_(0, kTableDeviation);
  word->weight[0].zero_();
  ngram->weight.normal_(0, kTableDeviation);
}

at::Tensor SentenceEncoderImpl::word_vectors(const TokenBatch& tokens) {
  at::Tensor ids = tokens.word;
  if (is_training() && options_.unknown > 0) {
    ids = ids.masked_fill(at::rand(ids.sizes(), at::kFloat).to(ids.device()) < options_.unknown, 0);
  }
  const at::Tensor vectors = word(ids) + ngram(tokens.ngram, tokens.ngram_offsets);  // [L,width]
  return at::dropout(vectors, options_.dropout, is_training());
}

Sentences SentenceEncoderImpl::forward_batch(const TokenBatch& tokens) {
  const Packing packing =
      pack(checked_offsets("SentenceEncoder", tokens.offsets, "offsets", tokens.word.size(0)));
  const at::Tensor vectors = word_vectors(tokens);
  const at::Device device = vectors.device();
  const PackedSequence packed(vectors.index_select(0, packing.order.to(device)),
                              packing.batch_sizes);
  const at::Tensor states = std::get<0>(lstm->forward_with_packed_input(packed)).data();
  const at::Tensor rows = states.index_select(0, packing.back.to(device));  // H, [L,2u]
  std::vector<at::Tensor> columns, hops;
  at::Tensor penalty = at::zeros({tokens.sentences()}, rows.options());
  if (options_.whole) {
    columns.push_back(nn::equal_shares(tokens.offsets, rows.options()));
    hops.push_back(nn::max_pool(rows, tokens.offsets).unsqueeze(1));
  }
  if (!attention.is_empty()) {
    const nn::Attended attended = attention(rows, tokens.offsets);
    penalty = nn::overlap_penalty(attended.attention, tokens.offsets);
    columns.push_back(attended.attention);
    hops.push_back(attended.pooled);
  }
  return {at::cat(columns, 1), at::cat(hops, 1), penalty};
}

Sentences SentenceEncoderImpl::forward(const TokenBatch& tokens) {
  check_ids(tokens.word, "words", options_.words + 1);
  check_ids(tokens.ngram, "n-grams", options_.buckets);
  const std::vector<int64_t> offsets =
      checked_offsets("SentenceEncoder", tokens.offsets, "offsets", tokens.word.size(0));
  ShapeCheck check("SentenceEncoder");
  check(tokens.ngram_offsets, "ngram_offsets", {tokens.word.size(0) + 1});
  (void)checked_offsets(
      "SentenceEncoder", tokens.ngram_offsets, "ngram_offsets", tokens.ngram.size(0));
  TORCH_CHECK_VALUE(offsets.size() > 1,
                    "SentenceEncoder: expected at least one sentence, got none");
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    TORCH_CHECK_VALUE(offsets[b] < offsets[b + 1],
                      "SentenceEncoder: expected at least one word in each sentence, got none in ",
                      b);
  }
  const at::Device device = word->weight.device();
  const TokenBatch here{tokens.word.to(device),
                        tokens.ngram.to(device),
                        tokens.ngram_offsets.to(device),
                        tokens.offsets.to(at::kCPU)};
  if (at::GradMode::is_enabled() || offsets.size() < 3) return forward_batch(here);
  std::vector<at::Tensor> attentions;
  std::vector<at::Tensor> hops;
  std::vector<at::Tensor> penalties;
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    const Sentences one = forward_batch(sentence(here, offsets, b));
    attentions.push_back(one.attention);
    hops.push_back(one.hops);
    penalties.push_back(one.penalty);
  }
  return {at::cat(attentions), at::cat(hops), at::cat(penalties)};
}

}  // namespace pointattn::text
