// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/loop.h"

#include "pointattn/core/files.h"
#include "pointattn/core/random.h"
#include "pointattn/nn/project.h"
#include "pointattn/train/batches.h"
#include "pointattn/train/checkpoint.h"
#include "pointattn/train/run_log.h"

#include <ATen/ATen.h>
#include <torch/nn/utils/clip_grad.h>

#include <chrono>
#include <cmath>
#include <limits>

namespace pointattn::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// One run: the objects that live from the first epoch to the last.
class Loop {
 public:
  Loop(Lesson& lesson, const LoopOptions& options, const TrainRun& run, const TrainEvents& events)
      : lesson_(lesson), options_(options), run_(run), events_(events) {
    at::manual_seed(options_.seed);
    network_ = lesson_.make_network();
    if (options_.average > 0) {
      average_ = lesson_.make_network();
      copy_weights(*average_, *network_);
    }
    optimizer_ = make_optimizer(options_, *network_);
    progress_ = lesson_.identity();
    progress_.update({{"epoch", 0},
                      {"step", 0},
                      {"best_epoch", 0},
                      {"best_score", std::numeric_limits<double>::lowest()},
                      {"best_figures", nullptr}});
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

  const std::shared_ptr<torch::nn::Module>& judged() const {
    return average_ ? average_ : network_;
  }

  TrainResult result(bool finished) const {
    return {finished, progress_["best_epoch"].get<int64_t>(), progress_["best_figures"]};
  }

  void open_folder() {
    const std::filesystem::path last = run_.folder / "last.safetensors";
    if (run_.resume) {
      load_checkpoint(last, checkpoint());
      const nlohmann::json identity = lesson_.identity();
      for (const auto& [key, wanted] : identity.items()) {
        const nlohmann::json difference = nlohmann::json::diff(progress_[key], wanted);
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
               [&](std::ostream& out) { out << lesson_.identity().at("options").dump(2) << '\n'; });
  }

  at::Tensor loss_of(const std::vector<int64_t>& items, int64_t epoch) {
    const nn::ReducedProducts reduced(options_.bfloat16);
    return lesson_.loss(*network_, items, epoch);
  }

  /// One optimiser step; returns its loss.
  double step(const std::vector<int64_t>& items, int64_t epoch) {
    const at::Tensor loss = loss_of(items, epoch);
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
    const auto steps = steps_of(lesson_.items(), options_.batch, Random(options_.seed, number, 5));
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
      items_done_ += static_cast<double>(steps[s].size());
      if (events_.step) {
        const double rate = items_done_ / seconds_since(started_);
        const double left = static_cast<double>(lesson_.items().size()) *
                            (static_cast<double>(options_.epochs) - at);
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

  /// Looks at the held-out items and saves the model when it is the best so far. Without held-out
  /// items the last look is the best.
  void look(EpochReport& report) {
    {
      const at::NoGradGuard no_grad;
      judged()->eval();
      report.held_out = lesson_.evaluate(*judged());
    }
    const double score = report.held_out.is_null() ? static_cast<double>(report.epoch)
                                                   : lesson_.score(report.held_out);
    report.best = score > progress_["best_score"].get<double>();
    if (!report.best) return;
    progress_["best_score"] = score;
    progress_["best_epoch"] = report.epoch;
    progress_["best_figures"] = report.held_out;
    nlohmann::json card = run_.provenance;
    card["options"] = lesson_.identity().at("options");
    card["epoch"] = report.epoch;
    card["held_out"] = report.held_out;
    lesson_.save(run_.folder / "best.safetensors", judged(), card);
  }

  Lesson& lesson_;
  const LoopOptions& options_;
  const TrainRun& run_;
  const TrainEvents& events_;
  std::shared_ptr<torch::nn::Module> network_;
  std::shared_ptr<torch::nn::Module> average_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  nlohmann::json progress_;
  Clock::time_point started_;
  double items_done_ = 0;
};

}  // namespace

void check_options(const LoopOptions& options) {
  const auto positive = [](const char* name, double value) {
    TORCH_CHECK_VALUE(value > 0, "train: expected ", name, " above 0, got ", value);
  };
  positive("epochs", static_cast<double>(options.epochs));
  positive("batch", static_cast<double>(options.batch));
  positive("learning_rate", options.learning_rate);
  positive("evaluate_every", static_cast<double>(options.evaluate_every));
  TORCH_CHECK_VALUE(options.average >= 0 && options.average < 1,
                    "train: expected average in 0 … 1, got ",
                    options.average);
}

TrainResult run_loop(Lesson& lesson,
                     const LoopOptions& options,
                     const TrainRun& run,
                     const TrainEvents& events) {
  check_options(options);
  return Loop(lesson, options, run, events).run();
}

}  // namespace pointattn::train
