// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"
#include "pointattn/train/augment.h"
#include "pointattn/train/dataset.h"
#include "pointattn/train/loop.h"

#include <nlohmann/json.hpp>

#include <string>

namespace pointattn::train {

/// Everything that decides the result of a training run, besides the data. The command line binds
/// its options to these fields.
struct TrainOptions : LoopOptions {
  std::string architecture = "pct_unet";
  nlohmann::json network = nlohmann::json::object();  ///< options of the architecture
  int64_t points = 2048;                              ///< points drawn from a shape in each epoch
  double label_smoothing = 0.1;
  /// Segmentation only: weight of the soft IoU in the loss (losses.h), weight of the network's own
  /// guess of the category where it makes one, share of samples whose category is hidden.
  double overlap_loss = 0.5;
  double category_loss = 0.5;
  double unknown_category = 0.25;
  int64_t hold_out = 1;  ///< shapes of each category kept aside to choose the best epoch
  AugmentOptions augment;
};

/// The same options as JSON, and back. Unknown keys throw c10::ValueError.
nlohmann::json to_json(const TrainOptions& options);
TrainOptions train_options_from_json(const nlohmann::json& json);

/// Trains a network on the shapes of `data` by run_loop() (loop.h says what it leaves in the run's
/// folder); the best epoch is that of the highest instance mIoU, or accuracy for classification, on
/// the held-out shapes. All random draws come from (seed, epoch, shape). Throws as run_loop() does,
/// and c10::ValueError for segmentation data without parts.
TrainResult train(models::Task task,
                  const Dataset& data,
                  const TrainOptions& options,
                  const TrainRun& run,
                  const TrainEvents& events = {});

}  // namespace pointattn::train
