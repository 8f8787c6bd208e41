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

/// The sizes that networks are compared at: 40 classes, or 50 parts of 16 categories.
LabelMap usual_labels(models::Task task) {
  constexpr int64_t kClasses = 40, kCategories = 16, kParts = 50;
  LabelMap labels;
  const bool segment = task == models::Task::kSegment;
  const int64_t categories = segment ? kCategories : kClasses;
  for (int64_t c = 0, part = 0; c < categories; ++c) {
    Category category{std::to_string(c), part, {}};
    for (; segment && part < kParts * (c + 1) / categories; ++part)
      category.parts.push_back({std::to_string(part), {}});
    labels.categories.push_back(std::move(category));
  }
  return labels;
}

/// An entry for every network and task.
Json networks_json() {
  Json all = Json::array();
  for (const models::Architecture& entry : models::architectures()) {
    for (const models::Task task : entry.tasks) {
      const auto network =
          models::make_network({entry.name, task, Json::object(), usual_labels(task)});
      all.push_back({{"name", entry.name},
                     {"task", models::to_string(task)},
                     {"parameters", models::parameter_count(*network)},
                     {"description", entry.description},
                     {"source", entry.source}});
    }
  }
  return all;
}

int list(const Settings& settings) {
  const Json all = networks_json();
  if (!settings.json.empty()) {
    put_json(settings.json, all.dump(2));
    return 0;
  }
  for (const Json& entry : all) {
    std::printf("%-18s %-8s %10lld  %s (%s)\n",
                entry.at("name").get<std::string>().c_str(),
                entry.at("task").get<std::string>().c_str(),
                static_cast<long long>(entry.at("parameters")),
                entry.at("description").get<std::string>().c_str(),
                entry.at("source").get<std::string>().c_str());
  }
  std::fflush(stdout);
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
  CLI::App* list_command = app.add_subcommand(
      "list",
      "The networks that can be trained, with their parameters at 40 classes, or at 50 parts of 16 "
      "categories");
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
