// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/trainer.h"

#include "pointattn/models/model_file.h"
#include "pointattn/train/batches.h"
#include "pointattn/train/losses.h"
#include "pointattn/train/metrics.h"

#include <ATen/ATen.h>

namespace pointattn::train {
namespace {

using models::Network;
using models::Task;

constexpr int64_t kEvaluationPoints = 2048;

void check_options(Task task, const Dataset& data, const TrainOptions& options) {
  TORCH_CHECK_VALUE(options.points > 0, "train: expected points above 0, got ", options.points);
  TORCH_CHECK_VALUE(
      options.hold_out >= 0, "train: expected hold_out of at least 0, got ", options.hold_out);
  TORCH_CHECK_VALUE(data.size() > 1, "train: expected at least two shapes, got ", data.size());
  TORCH_CHECK_VALUE(task == Task::kClassify || data.has_parts(),
                    "train segment: the data have no part labels");
}

/// Parts or categories of labelled shapes.
class LabelLesson : public Lesson {
 public:
  LabelLesson(Task task, const Dataset& data, const TrainOptions& options)
      : task_(task),
        data_(data),
        options_(options),
        split_(split_by_category(data, options.hold_out, options.seed)),
        spec_{options.architecture, task, options.network, data.labels()} {}

  std::shared_ptr<torch::nn::Module> make_network() override { return models::make_network(spec_); }

  nlohmann::json identity() const override {
    return {{"options", to_json(options_)},
            {"shapes", data_.size()},
            {"labels", pointattn::to_json(data_.labels())}};
  }

  const std::vector<int64_t>& items() const override { return split_.learn; }

  at::Tensor loss(torch::nn::Module& module,
                  const std::vector<int64_t>& shapes,
                  int64_t epoch) override {
    const Batch batch = training_batch(data_, shapes, options_, epoch);
    const at::Tensor shown = shown_category(batch, shapes, epoch);
    const models::Scores scores = dynamic_cast<Network&>(module).forward(batch.points, shown);
    if (task_ == Task::kClassify) {
      return smoothed_cross_entropy(scores.scores, batch.category, options_.label_smoothing);
    }
    at::Tensor loss = part_loss(scores.scores,
                                batch.part,
                                batch.points.offsets,
                                batch.category,
                                shown,
                                data_.labels(),
                                options_.label_smoothing,
                                options_.overlap_loss);
    if (scores.category.defined()) {
      loss = loss + options_.category_loss * smoothed_cross_entropy(scores.category,
                                                                    batch.category,
                                                                    options_.label_smoothing);
    }
    return loss;
  }

  nlohmann::json evaluate(torch::nn::Module& module) override {
    if (split_.held_out.empty()) return nullptr;
    auto& network = dynamic_cast<Network&>(module);
    PartMetrics parts(data_.labels());
    ClassMetrics classes(data_.labels());
    for (const auto& shapes : steps_of(split_.held_out, options_.batch, Random(0))) {
      const Batch batch = plain_batch(data_, shapes, kEvaluationPoints);
      const at::Tensor scores = network.forward(batch.points, batch.category).scores;
      const std::vector<at::Tensor> clouds = task_ == Task::kSegment
                                                 ? scores.split_with_sizes(batch.points.counts())
                                                 : scores.split(1);
      int64_t row = 0;
      for (size_t b = 0; b < shapes.size(); ++b) {
        const auto category = batch.category[static_cast<int64_t>(b)].item<int64_t>();
        if (task_ == Task::kClassify) {
          classes.add(clouds[b].argmax().item<int64_t>(), category);
          continue;
        }
        const Category& known = data_.labels().categories[static_cast<size_t>(category)];
        parts.add(category,
                  predicted_parts(clouds[b], known),
                  batch.part.narrow(0, row, clouds[b].size(0)));
        row += clouds[b].size(0);
      }
    }
    nlohmann::json figures = task_ == Task::kSegment ? to_json(parts) : to_json(classes);
    figures.erase("per_category");
    return figures;
  }

  double score(const nlohmann::json& figures) const override {
    return figures.at(task_ == Task::kSegment ? "instance_miou" : "accuracy").get<double>();
  }

  void save(const std::filesystem::path& path,
            const std::shared_ptr<torch::nn::Module>& network,
            const nlohmann::json& card) override {
    models::save_model(path, {spec_, card, std::dynamic_pointer_cast<Network>(network)});
  }

 private:
  /// Hides the category of some shapes, so that the network learns to answer without it.
  at::Tensor shown_category(const Batch& batch,
                            const std::vector<int64_t>& shapes,
                            int64_t epoch) const {
    if (task_ == Task::kClassify) return batch.category;
    at::Tensor shown = batch.category.clone();
    for (size_t b = 0; b < shapes.size(); ++b) {
      Random random(
          options_.seed, static_cast<uint64_t>(epoch), static_cast<uint64_t>(shapes[b]), 3);
      if (random.chance(options_.unknown_category))
        shown[static_cast<int64_t>(b)] = models::kUnknownCategory;
    }
    return shown;
  }

  Task task_;
  const Dataset& data_;
  const TrainOptions& options_;
  Split split_;
  models::ModelSpec spec_;
};

}  // namespace

TrainResult train(models::Task task,
                  const Dataset& data,
                  const TrainOptions& options,
                  const TrainRun& run,
                  const TrainEvents& events) {
  check_options(task, data, options);
  LabelLesson lesson(task, data, options);
  return run_loop(lesson, options, run, events);
}

}  // namespace pointattn::train
