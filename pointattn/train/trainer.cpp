// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/trainer.h"

#include "pointattn/core/files.h"
#include "pointattn/models/model_file.h"
#include "pointattn/nn/project.h"
#include "pointattn/train/batches.h"
#include "pointattn/train/checkpoint.h"
#include "pointattn/train/losses.h"
#include "pointattn/train/metrics.h"
#include "pointattn/train/run_log.h"

#include <ATen/ATen.h>
#include <torch/nn/utils/clip_grad.h>

#include <chrono>

namespace pointattn::train {
namespace {

using models::Task;
using Clock = std::chrono::steady_clock;

constexpr int64_t kEvaluationPoints = 2048;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void check_options(Task task, const Dataset& data, const TrainOptions& options) {
  const auto positive = [](const char* name, double value) {
    TORCH_CHECK_VALUE(value > 0, "train: expected ", name, " above 0, got ", value);
  };
  positive("epochs", static_cast<double>(options.epochs));
  positive("batch", static_cast<double>(options.batch));
  positive("points", static_cast<double>(options.points));
  positive("learning_rate", options.learning_rate);
  positive("evaluate_every", static_cast<double>(options.evaluate_every));
  TORCH_CHECK_VALUE(options.average >= 0 && options.average < 1,
                    "train: expected average in 0 … 1, got ",
                    options.average);
  TORCH_CHECK_VALUE(
      options.hold_out >= 0, "train: expected hold_out of at least 0, got ", options.hold_out);
  TORCH_CHECK_VALUE(data.size() > 1, "train: expected at least two shapes, got ", data.size());
  TORCH_CHECK_VALUE(task == Task::kClassify || data.has_parts(),
                    "train segment: the data have no part labels");
}

/// One run: the objects that live from the first epoch to the last.
class Trainer {
 public:
  Trainer(Task task,
          const Dataset& data,
          const TrainOptions& options,
          const TrainRun& run,
          const TrainEvents& events)
      : task_(task), data_(data), options_(options), run_(run), events_(events) {
    split_ = split_by_category(data_, options_.hold_out, options_.seed);
    at::manual_seed(options_.seed);
    spec_ = {options_.architecture, task_, options_.network, data_.labels()};
    network_ = models::make_network(spec_);
    if (options_.average > 0) {
      average_ = models::make_network(spec_);
      copy_weights(*average_, *network_);
    }
    optimizer_ = make_optimizer(options_, *network_);
    progress_ = {{"options", to_json(options_)},
                 {"shapes", data_.size()},
                 {"labels", pointattn::to_json(data_.labels())},
                 {"epoch", 0},
                 {"step", 0},
                 {"best_epoch", 0},
                 {"best_score", -1.0},
                 {"best_figures", nullptr}};
  }

  TrainResult run() {
    open_folder();
    RunLog log(run_.folder, progress_["epoch"].get<int64_t>());
    started_ = Clock::now();
    for (int64_t epoch = progress_["epoch"].get<int64_t>() + 1; epoch <= options_.epochs; ++epoch) {
      EpochReport report{};
      if (!learn(epoch, report)) return result(false);
      if (epoch % options_.evaluate_every == 0 || epoch == options_.epochs) look(report);
      log.add(report);
      progress_["epoch"] = epoch;
      save_checkpoint(run_.folder / "last.safetensors", checkpoint());
      if (events_.epoch) events_.epoch(report);
    }
    return result(true);
  }

 private:
  Checkpoint checkpoint() { return {*network_, average_.get(), *optimizer_, progress_}; }

  models::Network& judged() { return average_ ? *average_ : *network_; }

  TrainResult result(bool finished) const {
    return {finished, progress_["best_epoch"].get<int64_t>(), progress_["best_figures"]};
  }

  void open_folder() {
    const std::filesystem::path last = run_.folder / "last.safetensors";
    if (run_.resume) {
      const nlohmann::json wanted = progress_;
      load_checkpoint(last, checkpoint());
      for (const char* key : {"options", "shapes", "labels"}) {
        const nlohmann::json difference = nlohmann::json::diff(progress_[key], wanted[key]);
        TORCH_CHECK_VALUE(difference.empty(),
                          last.string(),
                          ": cannot resume with other ",
                          key,
                          ": ",
                          difference.dump());
      }
      return;
    }
    TORCH_CHECK_VALUE(!std::filesystem::exists(last),
                      run_.folder.string(),
                      " holds another run: resume it or choose another folder");
    std::filesystem::create_directories(run_.folder);
    write_file(run_.folder / "options.json",
               [&](std::ostream& out) { out << to_json(options_).dump(2) << '\n'; });
  }

  /// Hides the category of some shapes, so that the network learns to answer without it.
  at::Tensor shown_category(const Batch& batch,
                            const std::vector<int64_t>& shapes,
                            int64_t epoch) const {
    if (task_ == Task::kClassify) return batch.category;
    at::Tensor shown = batch.category.clone();
    for (size_t b = 0; b < shapes.size(); ++b) {
      Random random(
          options_.seed, static_cast<uint64_t>(epoch), static_cast<uint64_t>(shapes[b]), 3);
      if (random.chance(options_.unknown_category))
        shown[static_cast<int64_t>(b)] = models::kUnknownCategory;
    }
    return shown;
  }

  at::Tensor loss_of(const Batch& batch, const at::Tensor& shown) {
    const nn::ReducedProducts reduced(options_.bfloat16);
    const models::Scores scores = network_->forward(batch.points, shown);
    if (task_ == Task::kClassify) {
      return smoothed_cross_entropy(scores.scores, batch.category, options_.label_smoothing);
    }
    at::Tensor loss = part_loss(scores.scores,
                                batch.part,
                                batch.points.offsets,
                                batch.category,
                                shown,
                                data_.labels(),
                                options_.label_smoothing,
                                options_.overlap_loss);
    if (scores.category.defined()) {
      loss = loss + options_.category_loss * smoothed_cross_entropy(scores.category,
                                                                    batch.category,
                                                                    options_.label_smoothing);
    }
    return loss;
  }

  /// One optimiser step; returns its loss.
  double step(const std::vector<int64_t>& shapes, int64_t epoch) {
    const Batch batch = training_batch(data_, shapes, options_, epoch);
    const at::Tensor loss = loss_of(batch, shown_category(batch, shapes, epoch));
    optimizer_->zero_grad();
    loss.backward();
    if (options_.clip > 0) torch::nn::utils::clip_grad_norm_(network_->parameters(), options_.clip);
    optimizer_->step();
    const auto steps = progress_["step"].get<int64_t>() + 1;
    progress_["step"] = steps;
    if (average_) {
      // Young averages forget faster: the first weights are random.
      const double young = (1.0 + static_cast<double>(steps)) / (10.0 + static_cast<double>(steps));
      update_average(*average_, *network_, std::min(options_.average, young));
    }
    const double value = loss.item<double>();
    TORCH_CHECK(std::isfinite(value),
                "train: the loss became ",
                value,
                " in epoch ",
                epoch,
                "; lower the learning rate");
    return value;
  }

  /// One epoch; false when asked to stop.
  bool learn(int64_t epoch, EpochReport& report) {
    const Clock::time_point start = Clock::now();
    const auto number = static_cast<uint64_t>(epoch);
    // Dropout draws from LibTorch's generator: seeded anew each epoch, its state need not be kept.
    at::manual_seed(Random(options_.seed, number, 4).next());
    network_->train();
    const auto steps = steps_of(split_.learn, options_.batch, Random(options_.seed, number, 5));
    double total = 0;
    for (size_t s = 0; s < steps.size(); ++s) {
      const double at = static_cast<double>(epoch - 1) +
                        static_cast<double>(s + 1) / static_cast<double>(steps.size());
      report.learning_rate =
          options_.learning_rate *
          schedule_factor(options_.schedule, at, static_cast<double>(options_.epochs));
      for (auto& group : optimizer_->param_groups()) group.options().set_lr(report.learning_rate);
      const double loss = step(steps[s], epoch);
      total += loss;
      shapes_done_ += static_cast<double>(steps[s].size());
      if (events_.step) {
        const double rate = shapes_done_ / seconds_since(started_);
        const double left =
            static_cast<double>(split_.learn.size()) * (static_cast<double>(options_.epochs) - at);
        events_.step({epoch,
                      options_.epochs,
                      static_cast<int64_t>(s) + 1,
                      static_cast<int64_t>(steps.size()),
                      loss,
                      rate,
                      left / rate});
      }
      if (events_.stop && events_.stop()) return false;
    }
    report.epoch = epoch;
    report.loss = total / static_cast<double>(steps.size());
    report.seconds = seconds_since(start);
    return true;
  }

  nlohmann::json evaluate() {
    const at::NoGradGuard no_grad;
    judged().eval();
    PartMetrics parts(data_.labels());
    ClassMetrics classes(data_.labels());
    for (const auto& shapes : steps_of(split_.held_out, options_.batch, Random(0))) {
      const Batch batch = plain_batch(data_, shapes, kEvaluationPoints);
      const at::Tensor scores = judged().forward(batch.points, batch.category).scores;
      const std::vector<at::Tensor> clouds = task_ == Task::kSegment
                                                 ? scores.split_with_sizes(batch.points.counts())
                                                 : scores.split(1);
      int64_t row = 0;
      for (size_t b = 0; b < shapes.size(); ++b) {
        const auto category = batch.category[static_cast<int64_t>(b)].item<int64_t>();
        if (task_ == Task::kClassify) {
          classes.add(clouds[b].argmax().item<int64_t>(), category);
          continue;
        }
        const Category& known = data_.labels().categories[static_cast<size_t>(category)];
        parts.add(category,
                  predicted_parts(clouds[b], known),
                  batch.part.narrow(0, row, clouds[b].size(0)));
        row += clouds[b].size(0);
      }
    }
    nlohmann::json figures = task_ == Task::kSegment ? to_json(parts) : to_json(classes);
    figures.erase("per_category");
    return figures;
  }

  /// Looks at the held-out shapes and saves the model when it is the best so far. Without held-out
  /// shapes the last look is the best.
  void look(EpochReport& report) {
    double score = static_cast<double>(report.epoch);
    if (!split_.held_out.empty()) {
      report.held_out = evaluate();
      score =
          report.held_out.at(task_ == Task::kSegment ? "instance_miou" : "accuracy").get<double>();
    }
    report.best = score > progress_["best_score"].get<double>();
    if (!report.best) return;
    progress_["best_score"] = score;
    progress_["best_epoch"] = report.epoch;
    progress_["best_figures"] = report.held_out;
    models::Model model{spec_, run_.provenance, nullptr};
    model.card["options"] = to_json(options_);
    model.card["epoch"] = report.epoch;
    model.card["held_out"] = report.held_out;
    model.network = average_ ? average_ : network_;
    models::save_model(run_.folder / "best.safetensors", model);
  }

  Task task_;
  const Dataset& data_;
  const TrainOptions& options_;
  const TrainRun& run_;
  const TrainEvents& events_;
  Split split_;
  models::ModelSpec spec_;
  std::shared_ptr<models::Network> network_;
  std::shared_ptr<models::Network> average_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  nlohmann::json progress_;
  Clock::time_point started_;
  double shapes_done_ = 0;
};

}  // namespace

TrainResult train(models::Task task,
                  const Dataset& data,
                  const TrainOptions& options,
                  const TrainRun& run,
                  const TrainEvents& events) {
  check_options(task, data, options);
  return Trainer(task, data, options, run, events).run();
}

}  // namespace pointattn::train
