// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/train/schedule.h"

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>
#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// The training loop, the same for every task: epochs, optimiser, schedule, running average, best
/// epoch, checkpoints. A task says in a Lesson what is learned.
namespace pointattn::train {

struct LoopOptions {
  int64_t epochs = 200;
  int64_t batch = 8;                ///< shapes (or sentences) a step
  std::string optimizer = "adamw";  ///< or "sgd" with momentum
  double learning_rate = 2e-3;
  double weight_decay = 0.05;  ///< on matrices only, not on biases and norms
  double momentum = 0.9;       ///< of sgd
  ScheduleOptions schedule;
  double clip = 5.0;  ///< largest norm of the gradient; 0 = not clipped
  /// Decay of the running average of the weights that is evaluated and saved; 0 = the weights
  /// themselves.
  double average = 0.995;
  bool bfloat16 = false;       ///< multiply large matrices in bfloat16 (nn/project.h)
  int64_t evaluate_every = 1;  ///< epochs between two looks at the held-out items
  uint64_t seed = 1;
};

/// Calls `visit(name, field)` for every option: one list serves writing, reading and the command
/// line's names.
template <typename Options, typename Visit>
void for_each_loop_option(Options& options, Visit&& visit) {
  visit("epochs", options.epochs);
  visit("batch", options.batch);
  visit("optimizer", options.optimizer);
  visit("learning_rate", options.learning_rate);
  visit("weight_decay", options.weight_decay);
  visit("momentum", options.momentum);
  visit("schedule", options.schedule.kind);
  visit("warmup_epochs", options.schedule.warmup_epochs);
  visit("final_fraction", options.schedule.final_fraction);
  visit("step_epochs", options.schedule.step_epochs);
  visit("step_factor", options.schedule.step_factor);
  visit("clip", options.clip);
  visit("average", options.average);
  visit("bfloat16", options.bfloat16);
  visit("evaluate_every", options.evaluate_every);
  visit("seed", options.seed);
}

/// Throws c10::ValueError naming the first option that makes no sense.
void check_options(const LoopOptions& options);

/// What is learned, and from what. The network is the one that make_network() gave, or its running
/// average.
class Lesson {
 public:
  virtual ~Lesson() = default;
  /// A network with fresh weights, from LibTorch's global generator. Called again for the average.
  virtual std::shared_ptr<torch::nn::Module> make_network() = 0;
  /// Everything that decides the result: a run resumes only with the same, key by key.
  virtual nlohmann::json identity() const = 0;
  /// Numbers of the items to learn from.
  virtual const std::vector<int64_t>& items() const = 0;
  /// The loss of some items in an epoch; draws come from (seed, epoch, item), whatever the step.
  virtual at::Tensor loss(torch::nn::Module& network,
                          const std::vector<int64_t>& items,
                          int64_t epoch) = 0;
  /// Figures of the network (in eval mode, without gradients) on items kept aside; null without any.
  virtual nlohmann::json evaluate(torch::nn::Module& network) = 0;
  /// The figure that chooses the best epoch: higher is better.
  virtual double score(const nlohmann::json& figures) const = 0;
  /// Writes the model file of the best epoch so far; `card` says how the weights came to be.
  virtual void save(const std::filesystem::path& path,
                    const std::shared_ptr<torch::nn::Module>& network,
                    const nlohmann::json& card) = 0;
};

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

/// Runs the lesson and writes into `run.folder`:
///   options.json                the options of the run: identity()["options"]
///   metrics.jsonl, metrics.csv  a line an epoch
///   best.safetensors            the model of the best epoch
///   last.safetensors            the state after the last complete epoch, for `resume`
/// A run that is killed loses at most the epoch that it was in: with `resume` it goes on from
/// last.safetensors and gives, bit for bit, what an uninterrupted run gives (same machine, same
/// number of threads).
/// Throws c10::ValueError: options that make no sense, a folder that holds another run (without
/// resume), a resume with another identity; c10::Error when the loss is no longer finite.
TrainResult run_loop(Lesson& lesson,
                     const LoopOptions& options,
                     const TrainRun& run,
                     const TrainEvents& events = {});

}  // namespace pointattn::train
