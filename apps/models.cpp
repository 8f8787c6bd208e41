// SPDX-License-Identifier: Apache-2.0
#include "apps/cli.h"
#include "apps/weights.h"
#include "pointattn/models/safetensors.h"
#include "pointattn/retrieval/model.h"
#include "pointattn/text/text_classifier.h"

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

Json show_clouds(const std::filesystem::path& path) {
  const models::Model model = models::load_model(path);
  return {{"architecture", model.spec.architecture},
          {"task", models::to_string(model.spec.task)},
          {"parameters", models::parameter_count(*model.network)},
          {"options", model.spec.options},
          {"card", model.card},
          {"categories", to_json(model.spec.labels).at("categories")}};
}

Json show_sentences(const std::filesystem::path& path) {
  const text::TextModel model = text::load_text_model(path);
  return {{"architecture", "structured_self_attention"},
          {"task", "text"},
          {"parameters", models::parameter_count(*model.network)},
          {"words", model.vocabulary.size()},
          {"card", model.card},
          {"classes", model.classes}};
}

Json show_retrieval(const std::filesystem::path& path) {
  const retrieval::RetrievalModel model = retrieval::load_retrieval_model(path);
  return {{"architecture", "retrieval"},
          {"task", "retrieval"},
          {"parameters", models::parameter_count(*model.network)},
          {"words", model.vocabulary->size()},
          {"points", model.points},
          {"guide", model.guide},
          {"fingerprint", model.fingerprint},
          {"options", retrieval::to_json(model.options)},
          {"card", model.card}};
}

/// Everything about the model in a file of any task.
Json show_json(const std::filesystem::path& path) {
  Json shown = {{"file", path.string()}};
  const std::map<std::string, std::string> metadata = models::read_safetensors(path).metadata;
  const auto task = metadata.find("task");
  const std::string name = task == metadata.end() ? "" : task->second;
  shown.update(name == "text"        ? show_sentences(path)
               : name == "retrieval" ? show_retrieval(path)
                                     : show_clouds(path));
  return shown;
}

std::string in_words(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

int show(const Settings& settings) {
  const Json shown = show_json(weights_path(settings.file));
  if (!settings.json.empty()) {
    put_json(settings.json, shown.dump(2));
    return 0;
  }
  std::cout << in_words(shown.at("file")) << ": " << in_words(shown.at("architecture")) << ", "
            << in_words(shown.at("task")) << ", " << shown.at("parameters") << " parameters\n";
  for (const Json& category : shown.value("categories", Json::array())) {
    std::cout << "  " << in_words(category.at("name"));
    const char* separator = ": ";
    for (const Json& part : category.at("parts")) {
      std::cout << separator << in_words(part);
      separator = ", ";
    }
    std::cout << '\n';
  }
  for (const char* key : {"classes", "words", "points", "guide", "fingerprint"}) {
    if (shown.contains(key) && shown.at(key) != "") {
      std::cout << "  " << key << ": " << in_words(shown.at(key)) << '\n';
    }
  }
  for (const auto& [key, value] : shown.at("card").items()) {
    std::cout << "  " << key << ": " << in_words(value) << '\n';
  }
  return 0;
}

}  // namespace

Run setup_models(CLI::App& app) {
  const auto settings = std::make_shared<Settings>();
  app.require_subcommand(1);
  CLI::App* list_command = app.add_subcommand("list", "The networks that can be trained");
  CLI::App* show_command = app.add_subcommand(
      "show", "Size and origin of a model file, and what it tells apart: parts, classes, words");
  show_command->add_option(
      "FILE", settings->file, "Model file; without it the one that segment uses");
  for (CLI::App* command : {list_command, show_command}) {
    command->add_option("--json", settings->json, "Write JSON to a file, - for stdout")
        ->type_name("FILE");
  }
  return [=] { return list_command->parsed() ? list(*settings) : show(*settings); };
}

}  // namespace pointattn::apps
