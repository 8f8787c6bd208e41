// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/text/text_classifier.h"
#include "pointattn/train/labelled_sentences.h"
#include "pointattn/train/loop.h"

namespace pointattn::text {

/// Everything that decides the result of a training run, besides the data.
struct TextTrainOptions : train::LoopOptions {
  /// Defaults that suit sentences: 20 epochs, 50 sentences a step, Adam (AdamW without decay) at
  /// 1e-3, gradient norm at most 0.5, no running average.
  TextTrainOptions();

  /// Sizes of the network; words, buckets and classes are taken from the data and from below.
  TextClassifierOptions network;
  VocabularyOptions vocabulary;
  double penalty = 0.3;  ///< coefficient of the penalty ‖A Aᵀ − I‖²_F, averaged over the step
  double hold_out = 0.1;  ///< share of each class kept aside to choose the best epoch; 0 keeps none
};

nlohmann::json to_json(const TextTrainOptions& options);

/// Trains a TextClassifier as the paper does, cross-entropy plus `penalty` times the mean penalty
/// of the step's sentences, by run_loop() (loop.h says what it leaves in the run's folder;
/// best.safetensors is a text model). The vocabulary is that of the sentences learned from. Of a
/// class with two sentences or more, round(hold_out · n), at least one and not all, are kept aside.
/// The best epoch is that of the highest accuracy on them, among equals the lowest cross-entropy.
/// Throws as run_loop() does, and c10::ValueError for fewer than two classes and sentences that are
/// not UTF-8.
train::TrainResult train_classifier(const train::LabelledSentences& data,
                                    const TextTrainOptions& options,
                                    const train::TrainRun& run,
                                    const train::TrainEvents& events = {});

}  // namespace pointattn::text
