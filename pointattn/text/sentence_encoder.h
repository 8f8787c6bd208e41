// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/structured_attention.h"
#include "pointattn/text/vocabulary.h"

#include <nlohmann/json_fwd.hpp>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/rnn.h>
#include <torch/nn/pimpl.h>

namespace pointattn::text {

/// Sizes of a SentenceEncoder. `words` and `buckets` are those of its vocabulary.
struct SentenceEncoderOptions {
  int64_t words = 0;
  int64_t buckets = 8192;
  int64_t width = 128;             ///< of a word vector
  int64_t hidden = 128;            ///< u: state of the LSTM in each direction
  int64_t attention_hidden = 128;  ///< d_a
  int64_t hops = 6;                ///< rows of the attention matrix
  bool whole = false;    ///< a row in front of them: the maximum of each state over the words
  double dropout = 0.2;  ///< on word vectors, in training
  /// Share of words that training reads as unknown, so that n-grams learn to stand for a word.
  double unknown = 0.1;
};

/// As JSON, and back; unknown keys and sizes that make no sense throw c10::ValueError.
nlohmann::json to_json(const SentenceEncoderOptions& options);
SentenceEncoderOptions sentence_encoder_options_from_json(const nlohmann::json& json);

/// What is read out of B sentences of L words in all.
struct Sentences {
  at::Tensor attention;  ///< [L,W]: column w is hop w; over the words of a sentence it sums to 1.
                         ///< `whole`: a column of equal shares in front
  at::Tensor hops;       ///< [B,W,2u]: M = A H, the sentence as each hop reads it; `whole`: the
                         ///< maximum in front
  at::Tensor penalty;    ///< [B]: ‖A Aᵀ − I‖²_F
};

/// Structured self-attentive sentence embedding (Lin et al., ICLR 2017): word vectors, a
/// bidirectional LSTM over each sentence, and nn::StructuredAttention over its states. A word's
/// vector is its row of "word" plus the mean of its n-grams' rows of "ngram".
///
/// There is no padding: the LSTM runs over the packed words of the sentences that are still going
/// on at a step. While gradients are recorded, all sentences go through in one batch, and one alone
/// differs by the rounding of matrix products of another size. Without gradients (at::GradMode off)
/// each sentence is computed on its own: the same sentence gives the same bits in any batch, on the
/// same machine with the same number of threads.
///
/// Initial weights: both tables N(0, 0.1²), the unknown word's row zero; the rest as LibTorch's
/// LSTM and nn::StructuredAttention choose. Dropout and `unknown` act in training mode and draw
/// from LibTorch's generator. Submodules: "word" [words+1,width], "ngram" [buckets,width], "lstm",
/// "attention". Gradients go to all parameters.
class SentenceEncoderImpl : public torch::nn::Cloneable<SentenceEncoderImpl> {
 public:
  explicit SentenceEncoderImpl(const SentenceEncoderOptions& options);
  void reset() override;

  /// The words may live on any device; they are taken to that of the weights. Throws
  /// c10::ValueError for offsets that do not fit, a sentence without a row and ids that the tables
  /// do not have.
  Sentences forward(const TokenBatch& tokens);

  const SentenceEncoderOptions& options() const { return options_; }

  torch::nn::Embedding word{nullptr};
  torch::nn::EmbeddingBag ngram{nullptr};
  torch::nn::LSTM lstm{nullptr};
  nn::StructuredAttention attention{nullptr};

 private:
  Sentences forward_batch(const TokenBatch& tokens);
  at::Tensor word_vectors(const TokenBatch& tokens);

  SentenceEncoderOptions options_;
};
TORCH_MODULE(SentenceEncoder);

}  // namespace pointattn::text
