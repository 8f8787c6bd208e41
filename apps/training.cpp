// SPDX-License-Identifier: Apache-2.0
#include "apps/training.h"

#include "pointattn/core/files.h"
#include "pointattn/core/version.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <unistd.h>

namespace pointattn::apps {
namespace {

std::atomic<bool> interrupted{false};

/// The first Ctrl-C or termination ends the run after the present step, a second one at once.
void stop_on_signal() {
  for (const int signal : {SIGINT, SIGTERM}) {
    std::signal(signal, [](int number) {
      interrupted = true;
      std::signal(number, SIG_DFL);
    });
  }
}

std::string time_text(double seconds) {
  char text[32];
  if (seconds < 90) {
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  } else if (seconds < 5400) {
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  } else {
    std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  }
  return text;
}

}  // namespace

train::TrainEvents training_events(const Shared& shared) {
  stop_on_signal();
  train::TrainEvents events;
  events.stop = [] { return interrupted.load(); };
  if (shared.quiet) return events;
  const bool terminal = ::isatty(STDERR_FILENO);
  if (terminal) {
    events.step = [](const train::StepReport& report) {
      std::fprintf(stderr,
                   "\r\033[Kepoch %lld/%lld  step %lld/%lld  loss %.4f  %.1f items/s  %s left",
                   static_cast<long long>(report.epoch),
                   static_cast<long long>(report.epochs),
                   static_cast<long long>(report.step),
                   static_cast<long long>(report.steps),
                   report.loss,
                   report.shapes_per_second,
                   time_text(report.seconds_left).c_str());
    };
  }
  events.epoch = [terminal](const train::EpochReport& report) {
    std::fprintf(stderr,
                 "%sepoch %lld  loss %.4f  rate %.2e  %s%s%s\n",
                 terminal ? "\r\033[K" : "",
                 static_cast<long long>(report.epoch),
                 report.loss,
                 report.learning_rate,
                 time_text(report.seconds).c_str(),
                 report.held_out.is_null() ? "" : ("  " + report.held_out.dump()).c_str(),
                 report.best ? "  best" : "");
  };
  return events;
}

nlohmann::json provenance(const std::filesystem::path& data) {
  std::string command = read_file("/proc/self/cmdline");
  for (char& letter : command) letter = letter == '\0' ? ' ' : letter;
  while (command.ends_with(' ')) command.pop_back();
  char date[32];
  const std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
  return {{"data", data.filename().string()},
          {"command", command},
          {"date", date},
          {"program", std::string("pointattn ") + kVersion}};
}

int report_result(const train::TrainRun& run, const train::TrainResult& result) {
  if (!result.finished) {
    print_error("stopped; the same command with --resume goes on after the last complete epoch");
    return 1;
  }
  std::cout << "best epoch " << result.best_epoch << ": " << result.best_figures.dump()
            << "\nmodel: " << (run.folder / "best.safetensors").string() << std::endl;
  return 0;
}

void add_run(CLI::App& app, train::TrainRun& run) {
  app.add_option("-o,--run", run.folder, "Folder of the run")->required()->type_name("FOLDER");
  app.add_flag("--resume", run.resume, "Go on with the run in that folder");
}

void add_loop_options(CLI::App& app, train::LoopOptions& options) {
  const auto add = [&app](const char* name, auto& field, const char* help) {
    return app.add_option(name, field, help)->capture_default_str()->group("Training");
  };
  add("--epochs", options.epochs, "Passes over the training items");
  add("--batch", options.batch, "Items a step");
  add("--optimizer", options.optimizer, "adamw, or sgd with momentum")
      ->check(CLI::IsMember({"adamw", "sgd"}));
  add("--learning-rate", options.learning_rate, "Base learning rate");
  add("--weight-decay", options.weight_decay, "On matrices only");
  add("--momentum", options.momentum, "Of sgd");
  add("--schedule", options.schedule.kind, "Course of the learning rate")
      ->check(CLI::IsMember({"cosine", "step", "constant"}));
  add("--warmup-epochs", options.schedule.warmup_epochs, "Linear rise from zero");
  add("--final-fraction", options.schedule.final_fraction, "cosine: the last rate over the first");
  add("--step-epochs", options.schedule.step_epochs, "step: epochs between two falls");
  add("--step-factor", options.schedule.step_factor, "step: factor of each fall");
  add("--clip", options.clip, "Largest norm of the gradient, 0 for none");
  add("--average",
      options.average,
      "Decay of the running average of the weights that is evaluated and saved, 0 for none");
  add("--evaluate-every", options.evaluate_every, "Epochs between two looks at the held-out items");
  app.add_flag("--bfloat16",
               options.bfloat16,
               "Multiply large matrices in bfloat16: faster where the processor has it")
      ->group("Training");
}

void add_augmentation(CLI::App& app, train::AugmentOptions& options) {
  const auto add = [&app](const char* name, auto& field, const char* help) {
    app.add_option(name, field, help)->capture_default_str()->group("Augmentation");
  };
  add("--warp", options.warp, "Size of a smooth random warp, in radii");
  add("--scale-low", options.scale_low, "Smallest stretch of an axis");
  add("--scale-high", options.scale_high, "Largest stretch of an axis");
  add("--mirror", options.mirror, "Probability of a mirror image");
  add("--turn", options.turn, "Largest rotation about the up axis y, degrees");
  add("--tilt",
      options.tilt,
      "Standard deviation of each component of a random rotation vector, degrees");
  add("--any-pose", options.any_pose, "Probability of a uniformly random rotation instead");
  add("--size", options.size, "Largest relative change of the overall size");
  add("--shift", options.shift, "Largest shift along an axis, in radii");
  add("--jitter", options.jitter, "Standard deviation of noise on each coordinate, in radii");
  app.add_flag("--renormalize,!--no-renormalize",
               options.renormalize,
               "Centre and scale into the unit sphere after the rotation, as inference does")
      ->group("Augmentation");
}

}  // namespace pointattn::apps
