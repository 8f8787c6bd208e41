// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/text/sentence_encoder.h"

#include <nlohmann/json.hpp>
#include <torch/nn/modules/linear.h>

#include <filesystem>
#include <string>
#include <vector>

namespace pointattn::text {

struct TextClassifierOptions {
  SentenceEncoderOptions encoder;  ///< at least one hop
  int64_t classes = 0;
  int64_t head = 256;         ///< hidden layer behind the flattened M
  double head_dropout = 0.5;  ///< on M and on the hidden layer, in training
};

/// What a TextClassifier says of B sentences of L words in all.
struct TextScores {
  at::Tensor scores;     ///< [B,classes] logits
  at::Tensor attention;  ///< [L,W], as Sentences has it
  at::Tensor penalty;    ///< [B]
};

/// The classifier of the paper (Lin et al., ICLR 2017, §4): M of a SentenceEncoder, flattened, one
/// hidden layer with ReLU, scores. Submodules "encoder", "hidden", "scores".
class TextClassifierImpl : public torch::nn::Cloneable<TextClassifierImpl> {
 public:
  explicit TextClassifierImpl(const TextClassifierOptions& options);
  void reset() override;
  TextScores forward(const TokenBatch& tokens);

  const TextClassifierOptions& options() const { return options_; }

  SentenceEncoder encoder{nullptr};
  torch::nn::Linear hidden{nullptr};
  torch::nn::Linear scores{nullptr};

 private:
  TextClassifierOptions options_;
};
TORCH_MODULE(TextClassifier);

/// A trained classifier and everything that its users must know.
struct TextModel {
  Vocabulary vocabulary{{}, 1};
  std::vector<std::string> classes;
  nlohmann::json card = nlohmann::json::object();  ///< where the weights come from
  TextClassifier network{nullptr};                 ///< in evaluation mode after load_text_model()
};

/// One safetensors file, as a model of clouds is: the parameters under their module names and in
/// the metadata "pointattn" (format version "1"), "architecture" ("structured_self_attention"),
/// "task" ("text") and, as JSON text, "options", "vocabulary", "classes" and "card".
void save_text_model(const std::filesystem::path& path, const TextModel& model);

/// Loading runs no code of the file and takes memory in proportion to it. Throws c10::Error with
/// the path for a file that is cut, of another task, or contradicts itself.
TextModel load_text_model(const std::filesystem::path& path);

/// What a model says of one sentence.
struct Reading {
  std::vector<Word> words;
  at::Tensor attention;    ///< [words,W] float32
  int64_t label = 0;       ///< place in the model's classes
  double probability = 0;  ///< of that class
};

/// Readings of sentences, in their order. Throws c10::ValueError naming the number (from 1) of the
/// first sentence that is not UTF-8.
std::vector<Reading> read_sentences(const TextModel& model,
                                    const std::vector<std::string>& sentences);

/// words_of() each sentence, with that error.
std::vector<std::vector<Word>> words_of_all(const std::vector<std::string>& sentences);

}  // namespace pointattn::text
