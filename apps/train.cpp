// SPDX-License-Identifier: Apache-2.0
#include "apps/cli.h"
#include "datasets/registry.h"
#include "pointattn/core/files.h"
#include "pointattn/core/version.h"
#include "pointattn/train/trainer.h"

#include <c10/util/Exception.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <unistd.h>

namespace pointattn::apps {
namespace {

struct Settings {
  Shared shared;
  train::TrainOptions options;
  std::string data;
  std::string split;
  std::string folder;
  std::string network = "{}";
  int64_t shapes = 0;
  bool resume = false;
};

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

/// Progress on stderr: a line that renews itself on a terminal, and a lasting one an epoch.
train::TrainEvents events_of(bool quiet) {
  train::TrainEvents events;
  events.stop = [] { return interrupted.load(); };
  if (quiet) return events;
  const bool terminal = ::isatty(STDERR_FILENO);
  if (terminal) {
    events.step = [](const train::StepReport& report) {
      std::fprintf(stderr,
                   "\r\033[Kepoch %lld/%lld  step %lld/%lld  loss %.4f  %.1f shapes/s  %s left",
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

/// What a model card must say about how the weights came to be.
nlohmann::json provenance(const Settings& settings) {
  std::string command = read_file("/proc/self/cmdline");
  for (char& letter : command) letter = letter == '\0' ? ' ' : letter;
  while (command.ends_with(' ')) command.pop_back();
  char date[32];
  const std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
  return {{"data", std::filesystem::path(settings.data).filename().string()},
          {"command", command},
          {"date", date},
          {"program", std::string("pointattn ") + kVersion}};
}

int run(models::Task task, Settings& settings) {
  start(settings.shared);
  settings.options.seed = settings.shared.seed;
  settings.options.network = nlohmann::json::parse(settings.network, nullptr, false);
  if (settings.options.network.is_discarded()) {
    throw UsageError("--network " + settings.network +
                     ": expected options as JSON, such as '{\"name\": 1}'");
  }
  datasets::OpenOptions open;
  const std::string otherwise = std::filesystem::is_regular_file(settings.data) ? "all" : "train";
  open.split = settings.split.empty() ? otherwise : settings.split;
  open.seed = settings.options.seed;
  open.shapes = settings.shapes;
  const train::DatasetPtr data = datasets::open_dataset(settings.data, open);

  train::TrainRun where;
  where.folder = settings.folder;
  where.resume = settings.resume;
  where.provenance = provenance(settings);
  stop_on_signal();
  const train::TrainResult result =
      train::train(task, *data, settings.options, where, events_of(settings.shared.quiet));
  if (!result.finished) {
    print_error("stopped; the same command with --resume goes on after the last complete epoch");
    return 1;
  }
  std::cout << "best epoch " << result.best_epoch << ": " << result.best_figures.dump()
            << "\nmodel: " << (where.folder / "best.safetensors").string() << std::endl;
  return 0;
}

void add_training(CLI::App& app, train::TrainOptions& options) {
  const auto add = [&app](const char* name, auto& field, const char* help) {
    return app.add_option(name, field, help)->capture_default_str()->group("Training");
  };
  add("--epochs", options.epochs, "Passes over the training shapes");
  add("--batch", options.batch, "Shapes a step");
  add("--points", options.points, "Points drawn from a shape in each epoch");
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
  add("--label-smoothing",
      options.label_smoothing,
      "Share of the target that is spread over all labels");
  add("--clip", options.clip, "Largest norm of the gradient, 0 for none");
  add("--average",
      options.average,
      "Decay of the running average of the weights that is evaluated and saved, 0 for none");
  add("--hold-out",
      options.hold_out,
      "Training shapes of each category kept aside to choose the best epoch");
  add("--evaluate-every", options.evaluate_every, "Epochs between two looks at them");
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

}  // namespace

Run setup_train(CLI::App& app) {
  app.require_subcommand(1);
  std::string footer = "Data:";
  for (const datasets::DatasetInfo& entry : datasets::list_datasets()) {
    footer += "\n  " + entry.name + "  " + entry.description;
  }
  footer += "\nNetworks:";
  for (const models::Architecture& entry : models::architectures()) {
    footer += "\n  " + entry.name + "  " + entry.description;
  }
  footer +=
      "\nThe run's folder gets options.json, metrics.jsonl, metrics.csv, best.safetensors and "
      "last.safetensors. Ctrl-C or a "
      "kill loses at most one epoch: the same command with --resume goes on.";
  const auto add = [&](models::Task task, const char* name, const char* help) {
    const auto settings = std::make_shared<Settings>();
    if (task == models::Task::kClassify) settings->options.architecture = "pct";
    CLI::App* command = app.add_subcommand(name, help);
    command->add_option("--data", settings->data, "Labelled data, by path or name (below)")
        ->required()
        ->type_name("DATA");
    command->add_option("-o,--run", settings->folder, "Folder of the run")
        ->required()
        ->type_name("FOLDER");
    command->add_flag("--resume", settings->resume, "Go on with the run in that folder");
    command
        ->add_option("--split",
                     settings->split,
                     "Split of the data. Default: all of a file, train of everything else")
        ->check(CLI::IsMember({"all", "train", "val", "test", "trainval"}));
    command
        ->add_option(
            "--shapes", settings->shapes, "Generated shapes in all, 0 for 100 of each kind")
        ->capture_default_str();
    command->add_option("--architecture", settings->options.architecture, "Network (below)")
        ->capture_default_str();
    command->add_option("--network", settings->network, "Options of the network")
        ->type_name("JSON")
        ->capture_default_str();
    add_training(*command, settings->options);
    if (task == models::Task::kSegment) {
      const auto add_segment = [&](const char* name, double& field, const char* help) {
        command->add_option(name, field, help)->capture_default_str()->group("Training");
      };
      add_segment("--unknown-category",
                  settings->options.unknown_category,
                  "Share of samples whose category is hidden from the network");
      add_segment(
          "--overlap-loss", settings->options.overlap_loss, "Weight of the soft IoU in the loss");
      add_segment("--category-loss",
                  settings->options.category_loss,
                  "Weight of the network's own guess of the category, where it makes one");
    }
    add_augmentation(*command, settings->options.augment);
    settings->shared.seed = settings->options.seed;
    settings->shared.device = "cpu";
    add_shared(*command, settings->shared, false);
    command->footer(footer);
    return std::pair{command, settings};
  };
  const auto segment = add(models::Task::kSegment, "segment", "Train a part-segmentation network");
  const auto classify = add(models::Task::kClassify, "classify", "Train a classification network");
  return [=] {
    return segment.first->parsed() ? run(models::Task::kSegment, *segment.second)
                                   : run(models::Task::kClassify, *classify.second);
  };
}

}  // namespace pointattn::apps
