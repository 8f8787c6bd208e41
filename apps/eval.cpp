// SPDX-License-Identifier: Apache-2.0
#include "apps/cli.h"
#include "apps/label_mapping.h"
#include "apps/weights.h"
#include "datasets/registry.h"
#include "pointattn/models/classifier.h"
#include "pointattn/models/segmenter.h"
#include "pointattn/train/metrics.h"
#include "pointattn/train/retrieval_metrics.h"

#include <ATen/Functions.h>
#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <unistd.h>
#include <vector>

namespace pointattn::apps {
namespace {

struct Settings {
  Shared shared;
  std::string data;
  std::string split;
  std::string weights;
  std::string category = "known";
  std::string json;
  int64_t points = 0;
  int64_t shapes = 0;
  bool bfloat16 = false;
};

/// A counter on stderr, on terminals only.
class Counter {
 public:
  Counter(int64_t total, bool quiet) : total_(total), shown_(!quiet && ::isatty(STDERR_FILENO)) {}
  ~Counter() {
    if (shown_) std::cerr << "\r\033[K" << std::flush;
  }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  void step() {
    if (shown_) std::cerr << "\r" << ++done_ << " of " << total_ << " shapes" << std::flush;
  }

 private:
  int64_t total_;
  int64_t done_ = 0;
  bool shown_;
};

train::DatasetPtr open_data(const Settings& settings) {
  datasets::OpenOptions options;
  // A file that is named itself is the test set, whatever it is called.
  const std::string otherwise = std::filesystem::is_regular_file(settings.data) ? "all" : "test";
  options.split = settings.split.empty() ? otherwise : settings.split;
  options.seed = settings.shared.seed;
  options.shapes = settings.shapes;
  train::DatasetPtr data = datasets::open_dataset(settings.data, options);
  TORCH_CHECK(data->size() > 0, settings.data, ": expected at least one shape, got none");
  return data;
}

void print_table(const std::vector<train::CategoryFigures>& categories, bool with_iou) {
  std::printf("%-20s %7s %9s%s\n", "category", "shapes", "accuracy", with_iou ? "    mIoU" : "");
  for (const train::CategoryFigures& figures : categories) {
    std::printf("%-20s %7lld %9.4f",
                figures.name.c_str(),
                static_cast<long long>(figures.shapes),
                figures.accuracy);
    if (with_iou) std::printf("  %6.4f", figures.miou);
    std::printf("\n");
  }
}

int segment(const Settings& settings) {
  const at::Device device = start(settings.shared);
  const bool find_category = settings.category == "auto";
  const models::Segmenter segmenter(
      load_weights(weights_path(settings.weights), models::Task::kSegment, device),
      precision_of(settings.bfloat16));
  const train::DatasetPtr data = open_data(settings);
  TORCH_CHECK_VALUE(
      data->has_parts(), settings.data, ": expected a data set with part labels, got one without");
  const LabelMap& labels = segmenter.model().spec.labels;
  const LabelMapping mapping = map_labels(data->labels(), labels, true);

  train::PartMetrics metrics(labels);
  train::ClassMetrics categories(labels);
  {
    Counter counter(data->size(), settings.shared.quiet);
    for (int64_t i = 0; i < data->size(); ++i, counter.step()) {
      const train::Sample sample = data->get(i);
      const int64_t truth = mapping.category.at(static_cast<size_t>(sample.category));
      models::SegmentOptions options;
      if (!find_category) options.category = truth;
      if (settings.points > 0) options.points = settings.points;
      const models::Segmentation result = segmenter.segment(sample.xyz, options);
      metrics.add(truth, result.label, mapping.parts(sample.part));
      categories.add(result.category, truth);
    }
  }
  nlohmann::json json = to_json(metrics);
  if (find_category) json["category_accuracy"] = categories.accuracy();
  if (settings.json != "-") {
    print_table(metrics.per_category(), true);
    std::printf("accuracy %.4f, instance mIoU %.4f, class mIoU %.4f, %lld shapes, category %s\n",
                metrics.accuracy(),
                metrics.instance_miou(),
                metrics.class_miou(),
                static_cast<long long>(metrics.shapes()),
                settings.category.c_str());
    if (find_category) std::printf("category found: %.4f of the shapes\n", categories.accuracy());
    std::fflush(stdout);
  }
  if (!settings.json.empty()) put_json(settings.json, json.dump(2));
  return 0;
}

/// Ranking of all shapes by each; nothing when the network gives no features or all shapes are of
/// different categories.
std::optional<double> retrieval_map(const std::vector<at::Tensor>& features,
                                    const std::vector<int64_t>& truths) {
  if (features.empty()) return std::nullopt;
  return train::mean_average_precision(at::stack(features), at::tensor(truths, at::kLong));
}

int classify(const Settings& settings) {
  const at::Device device = start(settings.shared);
  const models::Classifier classifier(
      load_weights(weights_path(settings.weights), models::Task::kClassify, device),
      precision_of(settings.bfloat16));
  const train::DatasetPtr data = open_data(settings);
  const LabelMap& labels = classifier.model().spec.labels;
  const LabelMapping mapping = map_labels(data->labels(), labels, false);

  train::ClassMetrics metrics(labels);
  std::vector<at::Tensor> features;
  std::vector<int64_t> truths;
  {
    Counter counter(data->size(), settings.shared.quiet);
    for (int64_t i = 0; i < data->size(); ++i, counter.step()) {
      const train::Sample sample = data->get(i);
      const models::Classification result = settings.points > 0
                                                ? classifier.classify(sample.xyz, settings.points)
                                                : classifier.classify(sample.xyz);
      truths.push_back(mapping.category.at(static_cast<size_t>(sample.category)));
      metrics.add(result.category, truths.back());
      if (result.feature.defined()) features.push_back(result.feature);
    }
  }
  nlohmann::json json = to_json(metrics);
  const std::optional<double> retrieval = retrieval_map(features, truths);
  if (retrieval) json["retrieval_map"] = *retrieval;
  if (settings.json != "-") {
    print_table(metrics.per_category(), false);
    std::printf("accuracy %.4f, class accuracy %.4f, %lld shapes\n",
                metrics.accuracy(),
                metrics.class_accuracy(),
                static_cast<long long>(metrics.shapes()));
    if (retrieval) std::printf("retrieval by the network's feature: mAP %.4f\n", *retrieval);
    std::fflush(stdout);
  }
  if (!settings.json.empty()) put_json(settings.json, json.dump(2));
  return 0;
}

}  // namespace

Run setup_eval(CLI::App& app) {
  const auto settings = std::make_shared<Settings>();
  app.require_subcommand(1);
  CLI::App* segment_command = app.add_subcommand(
      "segment",
      "Accuracy and mean IoU of a part-segmentation model, over all points of each shape");
  CLI::App* classify_command = app.add_subcommand(
      "classify", "Accuracy of a classification model, and of retrieval by its feature");
  std::string known;
  for (const datasets::DatasetInfo& entry : datasets::list_datasets())
    known += "\n  " + entry.name + "  " + entry.description;
  for (CLI::App* command : {segment_command, classify_command}) {
    command->add_option("--data", settings->data, "Labelled data, by path or name (below)")
        ->required()
        ->type_name("DATA");
    command
        ->add_option("--split",
                     settings->split,
                     "Split of the data. Default: all of a file, test of everything else")
        ->check(CLI::IsMember({"all", "train", "val", "test", "trainval"}));
    command
        ->add_option(
            "--shapes", settings->shapes, "Generated shapes in all, 0 for 100 of each kind")
        ->capture_default_str();
    command->add_option("--weights", settings->weights, "Model file. Default: as for segment")
        ->type_name("FILE");
    command
        ->add_option(
            "--points", settings->points, "Points that the network sees; 0 for its usual number")
        ->check(CLI::Range(int64_t{0}, int64_t{65536}))
        ->capture_default_str();
    command
        ->add_option(
            "--json", settings->json, "The figures as JSON; - for stdout, in place of the text")
        ->type_name("FILE");
    add_bfloat16(*command, settings->bfloat16);
    add_shared(*command, settings->shared);
    command->footer("Data:" + known);
  }
  segment_command
      ->add_option("-c,--category",
                   settings->category,
                   "Whether the network is told the category or finds it")
      ->check(CLI::IsMember({"known", "auto"}))
      ->capture_default_str();
  const Subcommand retrieval = add_eval_retrieval(app);
  const Subcommand text = add_eval_text(app);
  return [=] {
    if (text.app->parsed()) return text.run();
    if (retrieval.app->parsed()) return retrieval.run();
    return segment_command->parsed() ? segment(*settings) : classify(*settings);
  };
}

}  // namespace pointattn::apps
