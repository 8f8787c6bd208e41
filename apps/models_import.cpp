// SPDX-License-Identifier: Apache-2.0
#include "apps/models_import.h"

#include "datasets/shapenet_labels.h"
#include "pointattn/core/files.h"
#include "pointattn/models/public_names.h"

#include <algorithm>
#include <iostream>
#include <memory>

namespace pointattn::apps {
namespace {

struct ImportSettings {
  std::string file;
  std::string model;
  std::string task;
  std::string network = "{}";
  std::string labels;
  std::string output;
};

LabelMap read_labels(const std::string& given) {
  if (given == "modelnet40") return datasets::modelnet40_labels();
  if (given == "shapenet_part") return datasets::shapenet_part_labels();
  const nlohmann::json json = nlohmann::json::parse(read_file(given), nullptr, false);
  TORCH_CHECK_VALUE(!json.is_discarded(), given, ": expected JSON");
  try {
    return label_map_from_json(json);
  } catch (const c10::ValueError& error) {
    TORCH_CHECK_VALUE(false, given, ": ", error.what_without_backtrace());
  }
}

int run_import(const ImportSettings& settings) {
  models::ImportOptions options;
  options.architecture = settings.model;
  options.task = models::task_from(settings.task);
  options.network = nlohmann::json::parse(settings.network, nullptr, false);
  if (!options.network.is_object()) {
    throw UsageError("--network " + settings.network +
                     ": expected options as JSON, such as '{\"name\": 1}'");
  }
  if (!settings.labels.empty()) options.labels = read_labels(settings.labels);
  const models::Model model = models::import_model(settings.file, options);
  models::save_model(settings.output, model);
  std::cout << settings.output << ": " << model.spec.architecture << ", "
            << models::to_string(model.spec.task) << ", " << models::parameter_count(*model.network)
            << " parameters, " << model.spec.labels.num_categories() << " categories\n";
  return 0;
}

std::string importable() {
  std::string text = "Networks:";
  for (const models::PublicNetwork& network : models::public_networks()) {
    text += "\n  " + network.architecture + " (" + models::to_string(network.task) +
            ")  names of " + network.source;
  }
  return text;
}

}  // namespace

Subcommand add_models_import(CLI::App& parent) {
  const auto settings = std::make_shared<ImportSettings>();
  CLI::App* app = parent.add_subcommand(
      "import", "Make a model file from weights that the public PyTorch code of a network saved");
  app->add_option("FILE", settings->file, "State dictionary: safetensors, or a file of torch.save")
      ->required();
  app->add_option("--model", settings->model, "Network (below)")->required()->type_name("NAME");
  app->add_option("--task", settings->task, "What the weights are for")
      ->required()
      ->check(CLI::IsMember({"classify", "segment"}));
  app->add_option("--network", settings->network, "Options of the network")
      ->type_name("JSON")
      ->capture_default_str();
  app->add_option("--labels",
                  settings->labels,
                  "Names of the outputs: modelnet40, shapenet_part, or a file {\"categories\": "
                  "[{\"name\": \"Chair\", \"parts\": [\"leg\", \"seat\"]}]} in the order of the "
                  "outputs. Without it classes are called class 0, class 1 ...; parts of several "
                  "categories need it")
      ->type_name("NAME|FILE");
  app->add_option("-o,--output", settings->output, "Model file to write")
      ->required()
      ->type_name("FILE");
  app->footer(
      importable() +
      "\nNothing in FILE is executed: a pickle that holds anything but plain tensors, numbers "
      "and texts is refused. Of such a checkpoint save the state dictionary alone: "
      "torch.save(network.state_dict(), FILE).");
  return {app, [settings] { return run_import(*settings); }};
}

Subcommand add_models_export(CLI::App& parent) {
  const auto files = std::make_shared<std::pair<std::string, std::string>>();
  CLI::App* app = parent.add_subcommand(
      "export", "Write a model's weights under the names of the network's public PyTorch code");
  app->add_option("MODEL", files->first, "Model file")->required();
  app->add_option("-o,--output", files->second, "safetensors file to write")
      ->required()
      ->type_name("FILE");
  app->footer(importable());
  return {app, [files] {
            const models::Model model = models::load_model(files->first);
            const models::SafeTensors tensors = models::public_tensors(model);
            models::write_safetensors(files->second, tensors);
            std::cout << files->second << ": " << tensors.tensors.size() << " tensors\n";
            return 0;
          }};
}

}  // namespace pointattn::apps
