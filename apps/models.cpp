// SPDX-License-Identifier: Apache-2.0
#include "apps/cli.h"
#include "apps/weights.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <iostream>
#include <memory>

namespace pointattn::apps {
namespace {

using Json = nlohmann::ordered_json;

struct Settings {
  std::string json;
  std::string file;
};

Json architecture_json(const models::Architecture& architecture) {
  Json tasks = Json::array();
  for (const models::Task task : architecture.tasks) tasks.push_back(models::to_string(task));
  return {{"name", architecture.name}, {"description", architecture.description}, {"tasks", tasks}};
}

int list(const Settings& settings) {
  Json all = Json::array();
  for (const models::Architecture& architecture : models::architectures()) {
    all.push_back(architecture_json(architecture));
    if (!settings.json.empty()) continue;
    std::string tasks;
    for (const models::Task task : architecture.tasks)
      tasks += (tasks.empty() ? "" : ", ") + models::to_string(task);
    std::printf("%-8s %s (%s)\n",
                architecture.name.c_str(),
                architecture.description.c_str(),
                tasks.c_str());
  }
  std::fflush(stdout);
  if (!settings.json.empty()) put_json(settings.json, all.dump(2));
  return 0;
}

int show(const Settings& settings) {
  const std::filesystem::path path = weights_path(settings.file);
  const models::Model model = models::load_model(path);
  const Json shown = {{"file", path.string()},
                      {"architecture", model.spec.architecture},
                      {"task", models::to_string(model.spec.task)},
                      {"parameters", models::parameter_count(*model.network)},
                      {"options", model.spec.options},
                      {"card", model.card},
                      {"categories", to_json(model.spec.labels).at("categories")}};
  if (!settings.json.empty()) {
    put_json(settings.json, shown.dump(2));
    return 0;
  }
  std::cout << shown.at("file").get<std::string>() << ": " << model.spec.architecture << ", "
            << shown.at("task").get<std::string>() << ", " << shown.at("parameters")
            << " parameters\n";
  for (const Category& category : model.spec.labels.categories) {
    std::cout << "  " << category.name;
    const char* separator = ": ";
    for (const Part& part : category.parts) {
      std::cout << separator << part.name;
      separator = ", ";
    }
    std::cout << '\n';
  }
  for (const auto& [key, value] : model.card.items()) {
    std::cout << "  " << key << ": "
              << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
  }
  return 0;
}

}  // namespace

Run setup_models(CLI::App& app) {
  const auto settings = std::make_shared<Settings>();
  app.require_subcommand(1);
  CLI::App* list_command = app.add_subcommand("list", "The networks that can be trained");
  CLI::App* show_command =
      app.add_subcommand("show", "Categories, parts, size and origin of a model file");
  show_command->add_option(
      "FILE", settings->file, "Model file; without it the one that segment uses");
  for (CLI::App* command : {list_command, show_command}) {
    command->add_option("--json", settings->json, "Write JSON to a file, - for stdout")
        ->type_name("FILE");
  }
  return [=] { return list_command->parsed() ? list(*settings) : show(*settings); };
}

}  // namespace pointattn::apps
