// SPDX-License-Identifier: Apache-2.0
#include "pointattn/text/train_classifier.h"

#include "pointattn/core/random.h"
#include "pointattn/train/batches.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace pointattn::text {
namespace {

void check(const train::LabelledSentences& data, const TextTrainOptions& options) {
  TORCH_CHECK_VALUE(data.classes.size() >= 2,
                    "train text: expected at least two classes, got ",
                    data.classes.size());
  TORCH_CHECK_VALUE(options.hold_out >= 0 && options.hold_out < 1,
                    "train text: expected hold_out of at least 0 and below 1, got ",
                    options.hold_out);
  TORCH_CHECK_VALUE(options.penalty >= 0 && std::isfinite(options.penalty),
                    "train text: expected a penalty of at least 0, got ",
                    options.penalty);
}

/// A share of each class kept aside, drawn by seed.
train::Split split_by_class(const train::LabelledSentences& data, double share, uint64_t seed) {
  std::vector<std::vector<int64_t>> of_class(data.classes.size());
  for (size_t i = 0; i < data.labels.size(); ++i)
    of_class[static_cast<size_t>(data.labels[i])].push_back(static_cast<int64_t>(i));
  train::Split split;
  for (size_t c = 0; c < of_class.size(); ++c) {
    std::vector<int64_t>& items = of_class[c];
    Random random(seed, c, 6);
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
    const auto count = static_cast<int64_t>(items.size());
    int64_t aside = 0;
    if (share > 0 && count > 1) {
      aside = std::clamp<int64_t>(std::llround(share * static_cast<double>(count)), 1, count - 1);
    }
    split.held_out.insert(split.held_out.end(), items.begin(), items.begin() + aside);
    split.learn.insert(split.learn.end(), items.begin() + aside, items.end());
  }
  return split;
}

class TextLesson : public train::Lesson {
 public:
  TextLesson(const train::LabelledSentences& data, const TextTrainOptions& options)
      : data_(data),
        options_(options),
        words_(words_of_all(data.sentences)),
        split_(split_by_class(data, options.hold_out, options.seed)),
        vocabulary_(Vocabulary::of(words_of_items(split_.learn), options.vocabulary)),
        network_(options.network) {
    network_.encoder.words = vocabulary_.size();
    network_.encoder.buckets = vocabulary_.buckets();
    network_.classes = static_cast<int64_t>(data.classes.size());
  }

  std::shared_ptr<torch::nn::Module> make_network() override {
    return TextClassifier(network_).ptr();
  }

  nlohmann::json identity() const override {
    return {{"options", to_json(options_)},
            {"sentences", data_.sentences.size()},
            {"classes", data_.classes},
            {"words", vocabulary_.words()}};
  }

  const std::vector<int64_t>& items() const override { return split_.learn; }

  at::Tensor loss(torch::nn::Module& module, const std::vector<int64_t>& items, int64_t) override {
    const TextScores out = scores_of(module, items);
    return at::cross_entropy_loss(out.scores, labels_of(items)) +
           options_.penalty * out.penalty.mean();
  }

  nlohmann::json evaluate(torch::nn::Module& module) override {
    if (split_.held_out.empty()) return nullptr;
    double right = 0;
    double loss = 0;
    for (const auto& items : train::steps_of(split_.held_out, options_.batch, Random(0))) {
      const at::Tensor scores = scores_of(module, items).scores;
      const at::Tensor labels = labels_of(items);
      right += static_cast<double>((scores.argmax(1) == labels).sum().item<int64_t>());
      loss += at::cross_entropy_loss(scores, labels, {}, at::Reduction::Sum).item<double>();
    }
    const auto count = static_cast<double>(split_.held_out.size());
    return {
        {"accuracy", right / count}, {"loss", loss / count}, {"sentences", split_.held_out.size()}};
  }

  double score(const nlohmann::json& figures) const override {
    // The loss weighs less than one sentence more or less that is right.
    const double loss = figures.at("loss").get<double>();
    return figures.at("accuracy").get<double>() - 1e-9 * loss / (1 + loss);
  }

  void save(const std::filesystem::path& path,
            const std::shared_ptr<torch::nn::Module>& network,
            const nlohmann::json& card) override {
    save_text_model(path,
                    {vocabulary_,
                     data_.classes,
                     card,
                     TextClassifier(std::dynamic_pointer_cast<TextClassifierImpl>(network))});
  }

 private:
  std::vector<std::vector<Word>> words_of_items(const std::vector<int64_t>& items) const {
    std::vector<std::vector<Word>> words;
    words.reserve(items.size());
    for (const int64_t item : items) words.push_back(words_[static_cast<size_t>(item)]);
    return words;
  }

  at::Tensor labels_of(const std::vector<int64_t>& items) const {
    std::vector<int64_t> labels;
    labels.reserve(items.size());
    for (const int64_t item : items) labels.push_back(data_.labels[static_cast<size_t>(item)]);
    return at::tensor(labels, at::kLong);
  }

  TextScores scores_of(torch::nn::Module& module, const std::vector<int64_t>& items) const {
    return dynamic_cast<TextClassifierImpl&>(module).forward(
        encode(vocabulary_, words_of_items(items)));
  }

  const train::LabelledSentences& data_;
  const TextTrainOptions& options_;
  std::vector<std::vector<Word>> words_;
  train::Split split_;
  Vocabulary vocabulary_;
  TextClassifierOptions network_;
};

}  // namespace

TextTrainOptions::TextTrainOptions() {
  epochs = 20;
  batch = 50;
  learning_rate = 1e-3;
  weight_decay = 0;
  clip = 0.5;
  average = 0;
}

nlohmann::json to_json(const TextTrainOptions& options) {
  nlohmann::json json;
  train::for_each_loop_option(options,
                              [&](const char* name, const auto& field) { json[name] = field; });
  json["encoder"] = to_json(options.network.encoder);
  json["encoder"].erase("words");
  json["encoder"]["buckets"] = options.vocabulary.buckets;
  json["head"] = options.network.head;
  json["head_dropout"] = options.network.head_dropout;
  json["min_count"] = options.vocabulary.min_count;
  json["penalty"] = options.penalty;
  json["hold_out"] = options.hold_out;
  return json;
}

train::TrainResult train_classifier(const train::LabelledSentences& data,
                                    const TextTrainOptions& options,
                                    const train::TrainRun& run,
                                    const train::TrainEvents& events) {
  check(data, options);
  TextLesson lesson(data, options);
  return train::run_loop(lesson, options, run, events);
}

}  // namespace pointattn::text
