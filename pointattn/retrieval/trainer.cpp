// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/trainer.h"

#include "pointattn/matching/losses.h"
#include "pointattn/models/options.h"
#include "pointattn/retrieval/evaluate.h"
#include "pointattn/retrieval/model.h"
#include "pointattn/retrieval/part_teacher.h"
#include "pointattn/retrieval/shape_pools.h"
#include "pointattn/text/words.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace pointattn::retrieval {
namespace {

using train::CaptionedShapes;

template <typename Options, typename Visit>
void for_each_option(Options& options, Visit&& visit) {
  train::for_each_loop_option(options, visit);
  visit("points", options.points);
  visit("pool", options.pool);
  visit("captions", options.captions);
  visit("loss", options.loss);
  visit("margin", options.margin);
  visit("part_penalty", options.part_penalty);
  visit("text_penalty", options.text_penalty);
  visit("teacher", options.teacher);
  visit("min_count", options.min_count);
  visit("guide", options.guide);
  visit("hold_out", options.hold_out);
  train::for_each_augment_option(options.augment, visit);
}

void check_options(const CaptionedShapes& data, const RetrievalTrainOptions& options) {
  const auto expect = [](bool good, const char* what, auto got) {
    TORCH_CHECK_VALUE(good, "train retrieval: expected ", what, ", got ", got);
  };
  expect(options.points > 0, "points above 0", options.points);
  expect(
      options.pool >= options.points, "a pool of at least as many points as points", options.pool);
  expect(options.captions > 0, "captions above 0", options.captions);
  expect(options.loss == "infonce" || options.loss == "triplet",
         "loss infonce or triplet",
         options.loss);
  expect(options.teacher >= 0 && std::isfinite(options.teacher),
         "a weight of the teacher of at least 0",
         options.teacher);
  expect(options.hold_out >= 0, "hold_out of at least 0", options.hold_out);
  expect(data.size() >= options.hold_out + 2,
         "at least two shapes to learn from",
         data.size() - options.hold_out);
}

/// Shapes in random order by seed; the first `hold_out` are kept aside.
std::vector<int64_t> shuffled(int64_t count, uint64_t seed) {
  const at::Tensor rows = train::random_rows(count, count, Random(seed, 12));
  const int64_t* first = rows.const_data_ptr<int64_t>();
  return {first, first + count};
}

class RetrievalLesson : public train::Lesson {
 public:
  RetrievalLesson(const CaptionedShapes& data,
                  const RetrievalTrainOptions& options,
                  const models::Segmenter* segmenter)
      : data_(data), options_(options) {
    const std::vector<int64_t> order = shuffled(data.size(), options.seed);
    held_out_.assign(order.begin(), order.begin() + options.hold_out);
    learn_.assign(order.begin() + options.hold_out, order.end());
    read_captions();
    pools_ =
        make_shape_pools(data, options.pool, options.seed, segmenter, options.network.shape.parts);
    for (int64_t s = 0; options.teacher > 0 && s < data.size(); ++s)
      boxes_.push_back(data.boxes(s));
  }

  std::shared_ptr<torch::nn::Module> make_network() override {
    return TaughtNetwork(options_.network, options_.teacher > 0).ptr();
  }

  nlohmann::json identity() const override {
    return {{"options", to_json(options_)},
            {"shapes", data_.size()},
            {"words", vocabulary_->size()},
            {"guided", !pools_.prior.empty()}};
  }

  const std::vector<int64_t>& items() const override { return learn_; }

  at::Tensor loss(torch::nn::Module& module,
                  const std::vector<int64_t>& shapes,
                  int64_t epoch) override {
    auto& taught = dynamic_cast<TaughtNetworkImpl&>(module);
    RetrievalNetworkImpl& network = *taught.network;
    const auto [batch, prior] = points_of(shapes, epoch);
    const Embedded parts = network.shapes(batch, prior);
    const Embedded phrases = network.texts(tokens_of(shapes, epoch));
    const at::Tensor scores =
        matching::match(options_.network.score, phrases.vectors, parts.vectors);
    at::Tensor loss = options_.part_penalty * parts.penalty.mean() +
                      options_.text_penalty * phrases.penalty.mean();
    // The captions lie side by side: the first of every shape, then the second of every shape, …
    for (const at::Tensor& square : scores.split(static_cast<int64_t>(shapes.size()))) {
      const at::Tensor match = options_.loss == "infonce"
                                   ? matching::info_nce(square, network.log_scale)
                                   : matching::semi_hard_triplet(square, options_.margin);
      loss = loss + match / static_cast<double>(options_.captions);
    }
    if (options_.teacher == 0) return loss;
    return loss + options_.teacher *
                      teaching_loss(
                          taught, phrases.vectors, parts.vectors, scores, boxes_of(shapes, epoch));
  }

  nlohmann::json evaluate(torch::nn::Module& module) override {
    if (held_out_.empty()) return nullptr;
    RetrievalNetwork network = dynamic_cast<TaughtNetworkImpl&>(module).network;
    return train::to_json(evaluate_retrieval(
        network, *vocabulary_, data_, pools_, held_out_, options_.points, options_.network.score));
  }

  double score(const nlohmann::json& figures) const override {
    return figures.at("text_to_shape").at("recall_at_1").get<double>();
  }

  void save(const std::filesystem::path& path,
            const std::shared_ptr<torch::nn::Module>& network,
            const nlohmann::json& card) override {
    RetrievalModel model;
    model.options = options_.network;
    model.points = options_.points;
    model.guide = options_.guide;
    model.vocabulary = vocabulary_;
    model.card = card;
    model.network = dynamic_cast<TaughtNetworkImpl&>(*network).network;
    save_retrieval_model(path, model);
  }

 private:
  /// Words of every caption; the vocabulary is that of the shapes to learn from.
  void read_captions() {
    words_.resize(static_cast<size_t>(data_.size()));
    std::vector<std::vector<text::Word>> seen;
    for (const int64_t shape : learn_) {
      for (const std::string& caption : data_.captions(shape)) {
        words_[static_cast<size_t>(shape)].push_back(text::words_of(caption));
        seen.push_back(words_[static_cast<size_t>(shape)].back());
      }
    }
    vocabulary_ = std::make_shared<const text::Vocabulary>(
        text::Vocabulary::of(seen, {options_.min_count, options_.network.text.buckets}));
    options_.network.text.words = vocabulary_->size();
  }

  Random draw(int64_t epoch, int64_t shape, uint64_t what) const {
    return {options_.seed, static_cast<uint64_t>(epoch), static_cast<uint64_t>(shape), what};
  }

  std::pair<PointBatch, at::Tensor> points_of(const std::vector<int64_t>& shapes,
                                              int64_t epoch) const {
    std::vector<at::Tensor> clouds, priors;
    for (const int64_t shape : shapes) {
      const at::Tensor rows =
          train::random_rows(options_.pool, options_.points, draw(epoch, shape, 13));
      const auto place = static_cast<size_t>(shape);
      clouds.push_back(train::augment(
          pools_.xyz[place].index_select(0, rows), options_.augment, draw(epoch, shape, 14)));
      if (!pools_.prior.empty()) priors.push_back(pools_.prior[place].index_select(0, rows));
    }
    return {PointBatch::of(clouds), priors.empty() ? at::Tensor() : at::cat(priors)};
  }

  std::vector<at::Tensor> boxes_of(const std::vector<int64_t>& shapes, int64_t epoch) const {
    std::vector<at::Tensor> boxes;
    boxes.reserve(shapes.size());
    for (const int64_t shape : shapes) {
      boxes.push_back(shaken_boxes(boxes_[static_cast<size_t>(shape)], draw(epoch, shape, 16)));
    }
    return boxes;
  }

  /// `captions` captions of each shape, different ones while it has enough.
  text::TokenBatch tokens_of(const std::vector<int64_t>& shapes, int64_t epoch) const {
    std::vector<std::vector<text::Word>> sentences(shapes.size() *
                                                   static_cast<size_t>(options_.captions));
    for (size_t s = 0; s < shapes.size(); ++s) {
      const auto& own = words_[static_cast<size_t>(shapes[s])];
      const auto count = static_cast<int64_t>(own.size());
      const at::Tensor order = train::random_rows(count, count, draw(epoch, shapes[s], 15));
      for (int64_t c = 0; c < options_.captions; ++c) {
        sentences[static_cast<size_t>(c) * shapes.size() + s] =
            own[static_cast<size_t>(order[c % count].item<int64_t>())];
      }
    }
    return text::encode(*vocabulary_, sentences);
  }

  const CaptionedShapes& data_;
  RetrievalTrainOptions options_;
  std::vector<int64_t> learn_, held_out_;
  std::vector<std::vector<std::vector<text::Word>>> words_;
  std::shared_ptr<const text::Vocabulary> vocabulary_;
  ShapePools pools_;
  std::vector<at::Tensor> boxes_;  ///< of each shape, where there is a teacher
};

}  // namespace

RetrievalTrainOptions::RetrievalTrainOptions() {
  epochs = 40;
  batch = 64;
  learning_rate = 2e-3;
  network.text.whole = network.shape.whole = network.score.whole = true;
  // Words tell large from small and tall from wide, so shapes are hardly bent.
  augment.warp = 0.02;
  augment.scale_low = 0.95;
  augment.scale_high = 1.05;
  augment.turn = 10;
  augment.tilt = 2;
  augment.any_pose = 0;
  augment.size = 0.05;
}

nlohmann::json to_json(const RetrievalTrainOptions& options) {
  nlohmann::json json = {{"network", to_json(options.network)}};
  for_each_option(options, [&](const char* name, const auto& field) { json[name] = field; });
  return json;
}

RetrievalTrainOptions retrieval_train_options_from_json(const nlohmann::json& json) {
  RetrievalTrainOptions options;
  nlohmann::json network = nlohmann::json::object();
  models::OptionReader read("train retrieval", json);
  read("network", network);
  for_each_option(options, [&](const char* name, auto& field) { read(name, field); });
  read.finish();
  options.network = retrieval_options_from_json(network);
  return options;
}

train::TrainResult train_retrieval(const CaptionedShapes& data,
                                   const RetrievalTrainOptions& options,
                                   const models::Segmenter* segmenter,
                                   const train::TrainRun& run,
                                   const train::TrainEvents& events) {
  check_options(data, options);
  train::check_options(options);
  RetrievalLesson lesson(data, options, segmenter);
  return train::run_loop(lesson, options, run, events);
}

}  // namespace pointattn::retrieval
