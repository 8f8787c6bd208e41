// SPDX-License-Identifier: Apache-2.0
#include "apps/cli.h"
#include "datasets/labelled_sentences.h"
#include "pointattn/core/labels.h"
#include "pointattn/text/attention_page.h"
#include "pointattn/text/text_classifier.h"
#include "pointattn/train/metrics.h"

#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <string_view>

namespace pointattn::apps {
namespace {

struct Settings {
  Shared shared;
  std::string data;
  std::string weights;
  std::string json;
  std::string page;
  int64_t examples = 40;
};

/// Id among the model's classes of each class of the data, −1 for one that the model lacks.
std::vector<int64_t> map_classes(const std::vector<std::string>& data,
                                 const std::vector<std::string>& model) {
  std::vector<int64_t> ids;
  for (const std::string& name : data) {
    const auto found = std::find(model.begin(), model.end(), name);
    TORCH_CHECK_VALUE(
        found != model.end(), "the data have a class '", name, "' that the model does not know");
    ids.push_back(found - model.begin());
  }
  return ids;
}

/// An even share of the sentences, each text once, those that were misread first.
std::vector<size_t> choose(const std::vector<std::string>& sentences,
                           const std::vector<bool>& right,
                           int64_t most) {
  std::vector<size_t> chosen;
  std::set<std::string_view> seen;
  for (const bool wanted : {false, true}) {
    std::vector<size_t> group;
    for (size_t i = 0; i < right.size(); ++i) {
      if (right[i] == wanted && seen.insert(sentences[i]).second) group.push_back(i);
    }
    // Misread ones take half of the places at most, unless the others leave more.
    const auto places =
        static_cast<size_t>(wanted ? most - static_cast<int64_t>(chosen.size()) : (most + 1) / 2);
    const size_t count = std::min(places, group.size());
    for (size_t i = 0; i < count; ++i) chosen.push_back(group[i * group.size() / count]);
  }
  return chosen;
}

void write_page(const Settings& settings,
                const text::TextModel& model,
                const train::LabelledSentences& data,
                const std::vector<int64_t>& truth,
                std::vector<text::Reading>& readings) {
  std::vector<bool> right;
  for (size_t i = 0; i < readings.size(); ++i) right.push_back(readings[i].label == truth[i]);
  std::vector<text::ReadSentence> shown;
  for (const size_t i : choose(data.sentences, right, settings.examples)) {
    char share[16];
    std::snprintf(share, sizeof share, " (%.2f)", readings[i].probability);
    std::string heading = model.classes[static_cast<size_t>(readings[i].label)] + share;
    if (!right[i]) heading += ", labelled " + model.classes[static_cast<size_t>(truth[i])];
    shown.push_back({data.sentences[i],
                     std::move(readings[i].words),
                     readings[i].attention,
                     std::move(heading)});
  }
  text::write_attention_page(
      settings.page,
      "What is read in " + std::filesystem::path(settings.data).filename().string(),
      shown);
}

int run(const Settings& settings) {
  start(settings.shared);
  const text::TextModel model = text::load_text_model(settings.weights);
  const train::LabelledSentences data = datasets::read_labelled_sentences(settings.data);
  const std::vector<int64_t> ids = map_classes(data.classes, model.classes);
  std::vector<text::Reading> readings = text::read_sentences(model, data.sentences);

  LabelMap labels;
  for (const std::string& name : model.classes) labels.categories.push_back({name, 0, {}});
  train::ClassMetrics metrics(labels);
  std::vector<int64_t> truth;
  for (size_t i = 0; i < readings.size(); ++i) {
    truth.push_back(ids[static_cast<size_t>(data.labels[i])]);
    metrics.add(readings[i].label, truth[i]);
  }
  if (!settings.page.empty()) write_page(settings, model, data, truth, readings);
  const nlohmann::json json = {{"accuracy", metrics.accuracy()},
                               {"class_accuracy", metrics.class_accuracy()},
                               {"sentences", metrics.shapes()}};
  if (settings.json != "-") {
    for (const train::CategoryFigures& figures : metrics.per_category()) {
      std::printf("%-24s %7lld sentences  accuracy %.4f\n",
                  figures.name.c_str(),
                  static_cast<long long>(figures.shapes),
                  figures.accuracy);
    }
    std::printf("accuracy %.4f, class accuracy %.4f, %lld sentences\n",
                metrics.accuracy(),
                metrics.class_accuracy(),
                static_cast<long long>(metrics.shapes()));
    std::fflush(stdout);
  }
  if (!settings.json.empty()) put_json(settings.json, json.dump(2));
  return 0;
}

}  // namespace

Subcommand add_eval_text(CLI::App& parent) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = parent.add_subcommand("text", "Accuracy of a classifier of sentences");
  command->add_option("--data", settings->data, "Labelled sentences (below)")
      ->required()
      ->type_name("FILE.tsv");
  command->add_option("--weights", settings->weights, "Model file, as train text writes it")
      ->required()
      ->type_name("FILE");
  command
      ->add_option(
          "--json", settings->json, "The figures as JSON; - for stdout, in place of the text")
      ->type_name("FILE");
  command->add_option("--html", settings->page, "A page of what each hop reads in some sentences")
      ->type_name("FILE");
  command
      ->add_option("--examples",
                   settings->examples,
                   "Sentences on the page; misread ones take up to half of the places")
      ->check(CLI::Range(int64_t{1}, int64_t{10000}))
      ->capture_default_str();
  settings->shared.device = "cpu";
  add_shared(*command, settings->shared, false);
  command->footer(
      "Data: a tab-separated UTF-8 table whose first line names the columns sentence and class, a "
      "row a sentence.");
  return {command, [settings] { return run(*settings); }};
}

}  // namespace pointattn::apps
