// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/segmenter.h"
#include "pointattn/retrieval/network.h"
#include "pointattn/train/augment.h"
#include "pointattn/train/captioned.h"
#include "pointattn/train/loop.h"

#include <nlohmann/json.hpp>

#include <string>

namespace pointattn::retrieval {

/// Everything that decides the result of a training run, besides the data and the segmenter.
struct RetrievalTrainOptions : train::LoopOptions {
  RetrievalTrainOptions();

  RetrievalOptions network;      ///< its text.words and text.buckets follow from the captions
  int64_t points = 512;          ///< points of a shape in each step
  int64_t pool = 1024;           ///< points of a shape that they are drawn from
  int64_t captions = 4;          ///< captions of each shape in an epoch
  std::string loss = "infonce";  ///< or "triplet"
  double margin = 0.2;           ///< of the triplet loss
  double part_penalty = 0.001;   ///< weight of the overlap of the parts' attention
  double text_penalty = 0.01;    ///< weight of the overlap of the phrases' attention
  double teacher = 0;      ///< weight of what the true parts teach (part_teacher.h); 0: no teacher
  int64_t min_count = 2;   ///< words that occur less often have their n-grams only
  std::string guide;       ///< name of the segmenter, for the model file
  int64_t hold_out = 300;  ///< shapes kept aside to choose the best epoch
  train::AugmentOptions augment;
};

/// The same options as JSON, and back. Unknown keys throw c10::ValueError.
nlohmann::json to_json(const RetrievalTrainOptions& options);
RetrievalTrainOptions retrieval_train_options_from_json(const nlohmann::json& json);

/// Trains both sides on captioned shapes by train::run_loop(): in each step the captions and shapes
/// of the batch are matched all with all, and the loss asks each for its own (pairs of the same
/// shape aside). The best epoch is that of the highest recall@1 from text to shape among the
/// held-out shapes. `segmenter`, when there is one, guides the parts (nn::PointToPartAttention).
/// Throws as run_loop() does, and c10::ValueError for options that make no sense.
train::TrainResult train_retrieval(const train::CaptionedShapes& data,
                                   const RetrievalTrainOptions& options,
                                   const models::Segmenter* segmenter,
                                   const train::TrainRun& run,
                                   const train::TrainEvents& events = {});

}  // namespace pointattn::retrieval
