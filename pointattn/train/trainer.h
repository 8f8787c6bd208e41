// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"
#include "pointattn/train/augment.h"
#include "pointattn/train/dataset.h"
#include "pointattn/train/schedule.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <string>

namespace pointattn::train {

/// Everything that decides the result of a training run, besides the data. The command line binds
/// its options to these fields.
struct TrainOptions {
  std::string architecture = "pct_unet";
  nlohmann::json network = nlohmann::json::object();  ///< options of the architecture
  int64_t epochs = 200;
  int64_t batch = 8;                ///< shapes a step
  int64_t points = 2048;            ///< points drawn from a shape in each epoch
  std::string optimizer = "adamw";  ///< or "sgd" with momentum
  double learning_rate = 2e-3;
  double weight_decay = 0.05;  ///< on matrices only, not on biases and norms
  double momentum = 0.9;       ///< of sgd
  ScheduleOptions schedule;
  double label_smoothing = 0.1;
  double clip = 5.0;  ///< largest norm of the gradient; 0 = not clipped
  /// Decay of the running average of the weights that is evaluated and saved; 0 = the weights
  /// themselves.
  double average = 0.995;
  bool bfloat16 = false;  ///< multiply large matrices in bfloat16 (nn/project.h)
  /// Segmentation only: weight of the soft IoU in the loss (losses.h), weight of the network's own
  /// guess of the category where it makes one, share of samples whose category is hidden.
  double overlap_loss = 0.5;
  double category_loss = 0.5;
  double unknown_category = 0.25;
  int64_t hold_out = 1;  ///< shapes of each category kept aside to choose the best epoch
  int64_t evaluate_every = 1;  ///< epochs between two looks at them
  uint64_t seed = 1;
  AugmentOptions augment;
};

/// The same options as JSON, and back. Unknown keys throw c10::ValueError.
nlohmann::json to_json(const TrainOptions& options);
TrainOptions train_options_from_json(const nlohmann::json& json);

/// After each step.
struct StepReport {
  int64_t epoch, epochs, step, steps;
  double loss;
  double shapes_per_second;
  double seconds_left;  ///< until the end of the run, at the present rate
};

/// After each epoch; what the metrics files record.
struct EpochReport {
  int64_t epoch;         ///< 1 … epochs
  double loss;           ///< mean over the epoch's steps
  double learning_rate;  ///< of the last step
  double seconds;
  nlohmann::json held_out;  ///< figures on the held-out shapes, null in epochs without a look
  bool best;                ///< best look so far: the model file was written
};

struct TrainEvents {
  std::function<void(const StepReport&)> step;
  std::function<void(const EpochReport&)> epoch;
  /// Asked after each step; true ends the run as a kill would, without an error.
  std::function<bool()> stop;
};

/// Where a run lives and what its model files say of it; none of this changes the result.
struct TrainRun {
  std::filesystem::path folder;
  bool resume = false;
  /// Joins the card of the saved models: data, command, date.
  nlohmann::json provenance = nlohmann::json::object();
};

struct TrainResult {
  bool finished = false;  ///< false when stopped
  int64_t best_epoch = 0;
  nlohmann::json best_figures;
};

/// Trains a network on the shapes of `data` and writes into `run.folder`:
///   options.json                the options of the run
///   metrics.jsonl, metrics.csv  a line an epoch
///   best.safetensors            the model of the best epoch by the held-out shapes (instance mIoU,
///                               or accuracy for classification); a model file
///   last.safetensors            the state after the last complete epoch, for `resume`
/// A run that is killed loses at most the epoch that it was in: with `resume` it goes on from
/// last.safetensors and gives, bit for bit, what an uninterrupted run gives (same machine, same
/// number of threads). All random draws come from (seed, epoch, shape).
/// Throws c10::ValueError: options that make no sense, a folder that holds another run (without
/// resume), a resume with other options or data, segmentation data without parts.
TrainResult train(models::Task task,
                  const Dataset& data,
                  const TrainOptions& options,
                  const TrainRun& run,
                  const TrainEvents& events = {});

}  // namespace pointattn::train
