// SPDX-License-Identifier: Apache-2.0
#include "apps/training.h"
#include "datasets/registry.h"
#include "pointattn/train/trainer.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

namespace pointattn::apps {
namespace {

struct Settings {
  Shared shared;
  train::TrainOptions options;
  std::string data;
  std::string split;
  std::string network = "{}";
  std::string non_local;
  int64_t shapes = 0;
  train::TrainRun where;
};

int run(models::Task task, Settings& settings) {
  start(settings.shared);
  settings.options.seed = settings.shared.seed;
  settings.options.network = nlohmann::json::parse(settings.network, nullptr, false);
  if (settings.options.network.is_discarded()) {
    throw UsageError("--network " + settings.network +
                     ": expected options as JSON, such as '{\"name\": 1}'");
  }
  if (!settings.non_local.empty()) settings.options.network["non_local"] = settings.non_local;
  datasets::OpenOptions open;
  const std::string otherwise = std::filesystem::is_regular_file(settings.data) ? "all" : "train";
  open.split = settings.split.empty() ? otherwise : settings.split;
  open.seed = settings.options.seed;
  open.shapes = settings.shapes;
  const train::DatasetPtr data = datasets::open_dataset(settings.data, open);

  settings.where.provenance = provenance(settings.data);
  return report_result(
      settings.where,
      train::train(
          task, *data, settings.options, settings.where, training_events(settings.shared)));
}

std::string networks_for(models::Task task) {
  std::string list;
  for (const models::Architecture& entry : models::architectures()) {
    if (std::find(entry.tasks.begin(), entry.tasks.end(), task) == entry.tasks.end()) continue;
    list += "\n  " + entry.name + "  " + entry.description;
  }
  return list;
}

}  // namespace

Run setup_train(CLI::App& app) {
  app.require_subcommand(1);
  std::string footer = "Data:";
  for (const datasets::DatasetInfo& entry : datasets::list_datasets()) {
    footer += "\n  " + entry.name + "  " + entry.description;
  }
  const auto add = [&](models::Task task, const char* name, const char* help) {
    const auto settings = std::make_shared<Settings>();
    if (task == models::Task::kClassify) settings->options.architecture = "pct";
    CLI::App* command = app.add_subcommand(name, help);
    command->add_option("--data", settings->data, "Labelled data, by path or name (below)")
        ->required()
        ->type_name("DATA");
    add_run(*command, settings->where);
    command
        ->add_option("--split",
                     settings->split,
                     "Split of the data. Default: all of a file, train of everything else")
        ->check(CLI::IsMember({"all", "train", "val", "test", "trainval"}));
    command
        ->add_option(
            "--shapes", settings->shapes, "Generated shapes in all, 0 for 100 of each kind")
        ->capture_default_str();
    command
        ->add_option(
            "--model", settings->options.architecture, "Network (below; `pointattn models list`)")
        ->type_name("NAME")
        ->capture_default_str();
    command->add_option("--network", settings->network, "Options of the network")
        ->type_name("JSON")
        ->capture_default_str();
    command
        ->add_option("--non-local",
                     settings->non_local,
                     "Put a non-local block into the middle of the network")
        ->type_name("KIND")
        ->check(CLI::IsMember(nn::non_local_kinds()));
    add_loop_options(*command, settings->options);
    const auto add_option = [&](const char* option, auto& field, const char* text) {
      command->add_option(option, field, text)->capture_default_str()->group("Training");
    };
    add_option("--points", settings->options.points, "Points drawn from a shape in each epoch");
    add_option("--label-smoothing",
               settings->options.label_smoothing,
               "Share of the target that is spread over all labels");
    add_option("--hold-out",
               settings->options.hold_out,
               "Training shapes of each category kept aside to choose the best epoch");
    if (task == models::Task::kSegment) {
      add_option("--unknown-category",
                 settings->options.unknown_category,
                 "Share of samples whose category is hidden from the network");
      add_option(
          "--overlap-loss", settings->options.overlap_loss, "Weight of the soft IoU in the loss");
      add_option("--category-loss",
                 settings->options.category_loss,
                 "Weight of the network's own guess of the category, where it makes one");
    }
    add_augmentation(*command, settings->options.augment);
    settings->shared.seed = settings->options.seed;
    settings->shared.device = "cpu";
    add_shared(*command, settings->shared, false);
    command->footer(footer + "\nNetworks:" + networks_for(task) + "\n" + kRunFooter);
    return std::pair{command, settings};
  };
  const auto segment = add(models::Task::kSegment, "segment", "Train a part-segmentation network");
  const auto classify = add(models::Task::kClassify, "classify", "Train a classification network");
  const Subcommand retrieval = add_train_retrieval(app);
  const Subcommand text = add_train_text(app);
  return [=] {
    if (text.app->parsed()) return text.run();
    if (retrieval.app->parsed()) return retrieval.run();
    return segment.first->parsed() ? run(models::Task::kSegment, *segment.second)
                                   : run(models::Task::kClassify, *classify.second);
  };
}

}  // namespace pointattn::apps
