// SPDX-License-Identifier: Apache-2.0
#include "pointattn/text/text_classifier.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace pointattn::text {
namespace {

constexpr size_t kSentencesAtATime = 256;

}  // namespace

TextClassifierImpl::TextClassifierImpl(const TextClassifierOptions& options) : options_(options) {
  const auto above = [](const char* name, int64_t value, int64_t least) {
    TORCH_CHECK_VALUE(
        value >= least, "TextClassifier: expected ", name, " of at least ", least, ", got ", value);
  };
  above("hops", options.encoder.hops, 1);
  above("classes", options.classes, 2);
  above("head", options.head, 1);
  TORCH_CHECK_VALUE(options.head_dropout >= 0 && options.head_dropout < 1,
                    "TextClassifier: expected head_dropout of at least 0 and below 1, got ",
                    options.head_dropout);
  reset();
}

void TextClassifierImpl::reset() {
  encoder = register_module("encoder", SentenceEncoder(options_.encoder));
  const int64_t flat = options_.encoder.hops * 2 * options_.encoder.hidden;
  hidden = register_module("hidden", torch::nn::Linear(flat, options_.head));
  scores = register_module("scores", torch::nn::Linear(options_.head, options_.classes));
}

TextScores TextClassifierImpl::forward(const TokenBatch& tokens) {
  const Sentences read = encoder(tokens);
  const auto dropout = [&](const at::Tensor& rows) {
    return at::dropout(rows, options_.head_dropout, is_training());
  };
  const at::Tensor inner = at::relu(hidden(dropout(read.hops.flatten(1))));  // [B,head]
  return {scores(dropout(inner)), read.attention, read.penalty};
}

std::vector<std::vector<Word>> words_of_all(const std::vector<std::string>& sentences) {
  std::vector<std::vector<Word>> words;
  words.reserve(sentences.size());
  for (const std::string& sentence : sentences) {
    try {
      words.push_back(words_of(sentence));
    } catch (const c10::ValueError& error) {
      TORCH_CHECK_VALUE(false, "sentence ", words.size() + 1, ": ", error.what_without_backtrace());
    }
  }
  return words;
}

std::vector<Reading> read_sentences(const TextModel& model,
                                    const std::vector<std::string>& sentences) {
  const at::NoGradGuard no_grad;
  TextClassifier network = model.network;
  std::vector<std::vector<Word>> words = words_of_all(sentences);
  std::vector<Reading> readings;
  readings.reserve(words.size());
  for (size_t first = 0; first < words.size(); first += kSentencesAtATime) {
    const size_t end = std::min(first + kSentencesAtATime, words.size());
    const std::vector<std::vector<Word>> some(words.begin() + static_cast<std::ptrdiff_t>(first),
                                              words.begin() + static_cast<std::ptrdiff_t>(end));
    const TokenBatch tokens = encode(model.vocabulary, some);
    const TextScores out = network(tokens);
    const auto [probability, label] = out.scores.softmax(1).to(at::kCPU).max(1);
    const at::Tensor attention = out.attention.to(at::kCPU, at::kFloat);
    for (size_t i = 0; i < some.size(); ++i) {
      const auto b = static_cast<int64_t>(i);
      // The placeholder of an empty sentence is no word of it.
      const auto count = static_cast<int64_t>(some[i].size());
      readings.push_back({std::move(words[first + i]),
                          attention.narrow(0, tokens.offsets[b].item<int64_t>(), count),
                          label[b].item<int64_t>(),
                          probability[b].item<double>()});
    }
  }
  return readings;
}

}  // namespace pointattn::text
